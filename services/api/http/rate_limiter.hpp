// Rate limits per class of requests and caller: token buckets, kept as one time per caller (the
// generic cell rate algorithm).
//
// A bucket of `burst` requests refills evenly at `per_minute`. A caller that was quiet may send
// `burst` at once and `per_minute` in the long run, so at most `burst + per_minute` within any
// minute; a refused request costs nothing. Classes do not share buckets: whoever used up one is
// untouched in another.
//
// Callers are known by a keyed 64-bit hash, so neither addresses nor DIDs lie in memory, and nobody
// without the key can choose to collide with somebody else.
//
// Memory is fixed: 16 bytes per slot. A full bucket is as good as forgotten, so its slot is free to
// take. When all slots that a caller may have are in use, the caller closest to a full bucket is
// forgotten, and one that has nothing left only among others that have nothing left: practically
// never while fewer than a quarter of all slots belong to callers without tokens.
//
// Limits are per process: N replicas behind a balancer together let through up to N times as much.
// Divide the configured limits by the number of replicas where that matters.
//
// Threading: any thread. Callers' connections are spread over all workers, so the table is shared:
// a lock per shard, held for the time of one look-up. Cost: 30 ns among a thousand callers, 100 ns
// among 50,000 (memory is what takes the time). No clock of its own.
#pragma once

#include "base/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace subcults::api {

enum class LimitClass : std::uint8_t {
    general,
    joins,
    leaves,
    tokens,
    client_errors,
    quality_reports
};
inline constexpr std::size_t limit_class_count = 6;
inline constexpr std::array<std::string_view, limit_class_count> limit_class_labels{
    "general", "joins", "leaves", "tokens", "client_errors", "quality_reports"};

struct RateLimit {
    std::int64_t per_minute = 0;  // 0 = no limit
    std::int64_t burst = 0;       // 0 = as many as per minute
};

struct RateVerdict {
    bool allowed = true;
    std::int64_t limit = 0;            // the bucket's size; 0 = the class has no limit
    std::int64_t remaining = 0;        // requests that would be allowed right now, after this one
    SteadyClock::duration full_in{};   // until the bucket is full again
    SteadyClock::duration retry_in{};  // until the next request is allowed; 0 when allowed
};

class RateLimiter {
  public:
    static constexpr std::size_t default_slots = 128 * 1024;

    // `slots` is rounded up to a power of two. `seed` keys the hash; random in production.
    RateLimiter(std::array<RateLimit, limit_class_count> limits, std::uint64_t seed,
                std::size_t slots = default_slots);

    // Takes one token of the caller's bucket if there is one.
    RateVerdict take(LimitClass limit_class, std::string_view caller, Deadline now);

    bool enabled(LimitClass limit_class) const noexcept {
        return policies_[static_cast<std::size_t>(limit_class)].interval != 0;
    }

  private:
    static constexpr std::size_t ways = 16;
    static constexpr std::size_t most_shards = 64;

    // All times in nanoseconds of the steady clock.
    struct Policy {
        std::int64_t interval = 0;  // one token
        std::int64_t burst = 0;
    };
    struct Slot {
        std::uint64_t tag = 0;  // 0 = never used; the lowest bits are the class
        std::int64_t full_at = 0;
    };
    struct alignas(64) Shard {
        std::mutex mutex;
        std::vector<Slot> slots;  // sets of `ways` neighbours
    };

    Slot& find(Shard& shard, std::uint64_t tag, std::uint64_t hash, std::int64_t now) const;
    double debt(const Slot& slot, std::int64_t now) const noexcept;

    std::array<Policy, limit_class_count> policies_{};
    std::uint64_t seed_;
    std::size_t shard_mask_;
    std::size_t set_mask_;
    std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace subcults::api
