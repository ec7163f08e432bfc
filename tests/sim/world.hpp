// What the generator knows: who there is, which records live, and which were only announced.
// Internal to the generator.
#pragma once

#include "sim/random.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::sim {

enum class Collection : std::size_t {
    profile,
    act,
    place,
    venue,
    scene,
    event,
    tour,
    appearance,
    assertion,
    app_scene,
    app_event,
    app_post,
    app_alliance,
    app_membership,
};
inline constexpr std::size_t collection_count = 14;
std::string_view nsid(Collection collection) noexcept;

struct Person {
    std::string did;
    std::string handle;
    std::string status;  // empty = active
    std::int64_t clock = 0;
    std::uint32_t clock_id = 0;
    std::vector<std::size_t> records;  // indices into World::records
};

struct Record {
    Collection collection = Collection::profile;
    std::size_t owner = 0;
    std::string rkey;
    std::int64_t created_at = 0;
    // What an update must not change: the records and people that this one is about.
    std::vector<std::string> anchors;
    std::size_t place_in_owner = 0;
    std::size_t place_in_collection = 0;
};

class World {
  public:
    World(Random& random, std::size_t people);

    const std::vector<Person>& people() const noexcept { return people_; }
    Person& person(std::size_t index) noexcept { return people_[index]; }
    const Record& record(std::size_t index) const noexcept { return records_[index]; }
    Record& record(std::size_t index) noexcept { return records_[index]; }
    std::size_t live() const noexcept { return records_.size(); }
    const std::vector<std::size_t>& of(Collection collection) const noexcept {
        return by_collection_[static_cast<std::size_t>(collection)];
    }
    const std::vector<std::size_t>& inactive() const noexcept { return inactive_; }

    std::string uri(std::size_t record) const;
    // Somebody who may commit.
    std::size_t active_person(Random& random) const noexcept;
    // A TID that is later than all others of this person and not after `now`, if that is possible.
    std::string next_tid(std::size_t person, std::int64_t now);

    std::size_t add(Record record);
    void remove(std::size_t index);
    // The account is gone with all it wrote; somebody new takes its place.
    void replace_person(Random& random, std::size_t index);
    void set_status(std::size_t index, std::string status);

    // A record that others may already point at and that is still to be written.
    struct Promise {
        std::size_t owner = 0;
        std::string rkey;
    };
    void promise(Collection collection, Promise promise);
    std::optional<Promise> take_promise(Collection collection);

  private:
    Person make_person(Random& random) const;

    std::vector<Person> people_;
    std::vector<Record> records_;
    std::array<std::vector<std::size_t>, collection_count> by_collection_;
    std::array<std::vector<Promise>, collection_count> promises_;
    std::vector<std::size_t> inactive_;
};

}  // namespace subcults::sim
