// Values by id, each for at most a certain time and only while its stamp holds; the least recently
// used one makes room.
//
// Sans I/O: the caller supplies time and stamps. One thread. Cost: a look-up in a hash table.
// Memory: `capacity` values.
#pragma once

#include "base/time.hpp"
#include "base/uuid.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <utility>

namespace subcults::api {

struct CacheLimits {
    // From before a value was asked for; 0 = nothing is kept.
    std::chrono::milliseconds max_age{1000};
    std::size_t capacity = 4096;  // values

    bool enabled() const noexcept { return max_age.count() > 0 && capacity > 0; }
};

template <class Value>
class BoundedCache {
  public:
    using Time = SteadyClock::time_point;

    explicit BoundedCache(CacheLimits limits) : limits_(limits) {}

    // nullptr = there is none that may be used now. Valid until the next call.
    const Value* find(const Uuid& id, std::uint64_t stamp, Time now) {
        const auto found = places_.find(id);
        if (found == places_.end()) return nullptr;
        const auto place = found->second;
        if (place->stamp != stamp || now - place->asked_at >= limits_.max_age) {
            entries_.erase(place);
            places_.erase(found);
            return nullptr;
        }
        entries_.splice(entries_.begin(), entries_, place);
        return &place->value;
    }

    // `stamp` and `asked_at`: as they were before the database was asked.
    void store(const Uuid& id, Value value, std::uint64_t stamp, Time asked_at) {
        if (!limits_.enabled()) return;
        const auto found = places_.find(id);
        if (found != places_.end()) {
            // Of two answers the one that was asked for later counts, whichever comes last.
            if (found->second->asked_at > asked_at) return;
            entries_.erase(found->second);
            places_.erase(found);
        } else if (entries_.size() >= limits_.capacity) {
            places_.erase(entries_.back().id);
            entries_.pop_back();
        }
        entries_.push_front(Entry{id, std::move(value), stamp, asked_at});
        places_.emplace(id, entries_.begin());
    }

    std::size_t size() const noexcept { return entries_.size(); }
    const CacheLimits& limits() const noexcept { return limits_; }

  private:
    struct Entry {
        Uuid id;
        Value value;
        std::uint64_t stamp;
        Time asked_at;
    };
    using Entries = std::list<Entry>;  // the most recently used one first

    CacheLimits limits_;
    Entries entries_;
    std::unordered_map<Uuid, typename Entries::iterator, UuidHash> places_;
};

}  // namespace subcults::api
