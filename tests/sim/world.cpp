#include "sim/world.hpp"

#include "atproto/at_uri.hpp"
#include "atproto/tid.hpp"
#include "sim/text.hpp"

#include <algorithm>
#include <utility>

namespace subcults::sim {
namespace {

constexpr std::size_t max_promises = 50;

}  // namespace

std::string_view nsid(Collection collection) noexcept {
    constexpr std::array<std::string_view, collection_count> names{
        "tv.subcult.profile",   "tv.subcult.act",        "tv.subcult.place",
        "tv.subcult.venue",     "tv.subcult.scene",      "tv.subcult.event",
        "tv.subcult.tour",      "tv.subcult.appearance", "tv.subcult.assertion",
        "app.subcult.scene",    "app.subcult.event",     "app.subcult.post",
        "app.subcult.alliance", "app.subcult.membership"};
    return names[static_cast<std::size_t>(collection)];
}

World::World(Random& random, std::size_t people) {
    for (std::size_t i = 0; i < std::max<std::size_t>(people, 2); ++i) {
        people_.push_back(make_person(random));
    }
}

Person World::make_person(Random& random) const {
    Person person;
    person.did = make_did(random);
    person.handle = make_handle(random);
    person.clock_id = static_cast<std::uint32_t>(random.below(1024));
    return person;
}

std::string World::uri(std::size_t index) const {
    const Record& record = records_[index];
    return atproto::make_at_uri(people_[record.owner].did, nsid(record.collection), record.rkey);
}

std::size_t World::active_person(Random& random) const noexcept {
    // The inactive are few; set_status() never lets the last active person go.
    for (;;) {
        const std::size_t index = random.below(people_.size());
        if (people_[index].status.empty()) return index;
    }
}

std::string World::next_tid(std::size_t index, std::int64_t now) {
    Person& person = people_[index];
    person.clock = std::max(person.clock + 1, now);
    return std::string(atproto::TidText({person.clock, person.clock_id}).view());
}

std::size_t World::add(Record record) {
    const std::size_t index = records_.size();
    auto& siblings = people_[record.owner].records;
    auto& peers = by_collection_[static_cast<std::size_t>(record.collection)];
    record.place_in_owner = siblings.size();
    record.place_in_collection = peers.size();
    siblings.push_back(index);
    peers.push_back(index);
    records_.push_back(std::move(record));
    return index;
}

void World::remove(std::size_t index) {
    // Each list closes its gap with its own last element, so that removal is O(1).
    const auto unlink = [this](std::vector<std::size_t>& list, std::size_t place,
                               std::size_t Record::*member) {
        list[place] = list.back();
        records_[list[place]].*member = place;
        list.pop_back();
    };
    Record& gone = records_[index];
    unlink(people_[gone.owner].records, gone.place_in_owner, &Record::place_in_owner);
    unlink(by_collection_[static_cast<std::size_t>(gone.collection)], gone.place_in_collection,
           &Record::place_in_collection);
    const std::size_t last = records_.size() - 1;
    if (index != last) {
        records_[index] = std::move(records_[last]);
        const Record& moved = records_[index];
        people_[moved.owner].records[moved.place_in_owner] = index;
        by_collection_[static_cast<std::size_t>(moved.collection)][moved.place_in_collection] =
            index;
    }
    records_.pop_back();
}

void World::replace_person(Random& random, std::size_t index) {
    while (!people_[index].records.empty())
        remove(people_[index].records.back());
    set_status(index, "");
    people_[index] = make_person(random);
    for (auto& promises : promises_) {
        std::erase_if(promises, [index](const Promise& promise) { return promise.owner == index; });
    }
}

void World::set_status(std::size_t index, std::string status) {
    std::erase(inactive_, index);
    if (!status.empty()) inactive_.push_back(index);
    people_[index].status = std::move(status);
}

void World::promise(Collection collection, Promise promise) {
    auto& promises = promises_[static_cast<std::size_t>(collection)];
    if (promises.size() < max_promises) promises.push_back(std::move(promise));
}

std::optional<World::Promise> World::take_promise(Collection collection) {
    auto& promises = promises_[static_cast<std::size_t>(collection)];
    if (promises.empty()) return std::nullopt;
    Promise promise = std::move(promises.front());
    promises.erase(promises.begin());
    if (!people_[promise.owner].status.empty()) return std::nullopt;
    return promise;
}

}  // namespace subcults::sim
