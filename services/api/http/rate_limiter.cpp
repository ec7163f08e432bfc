#include "http/rate_limiter.hpp"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <chrono>

namespace subcults::api {
namespace {

constexpr std::int64_t minute_ns = 60'000'000'000;
constexpr std::uint64_t class_mask = 7;
static_assert(limit_class_count <= class_mask + 1);

std::int64_t nanoseconds(Deadline time) noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

RateLimiter::RateLimiter(std::array<RateLimit, limit_class_count> limits, std::uint64_t seed,
                         std::size_t slots)
    : seed_(seed) {
    for (std::size_t i = 0; i < limit_class_count; ++i) {
        if (limits[i].per_minute <= 0) continue;
        policies_[i].interval = std::max<std::int64_t>(minute_ns / limits[i].per_minute, 1);
        policies_[i].burst = limits[i].burst > 0 ? limits[i].burst : limits[i].per_minute;
    }
    const std::size_t total = std::bit_ceil(std::max(slots, ways));
    const std::size_t shards = std::min(most_shards, total / ways);
    shard_mask_ = shards - 1;
    set_mask_ = total / shards / ways - 1;
    for (std::size_t i = 0; i < shards; ++i) {
        shards_.push_back(std::make_unique<Shard>());
        shards_.back()->slots.resize(total / shards);
    }
}

// How much of its bucket a caller has used: 0 = nothing, 1 = all.
double RateLimiter::debt(const Slot& slot, std::int64_t now) const noexcept {
    const Policy& policy = policies_[slot.tag & class_mask];
    return static_cast<double>(slot.full_at - now) /
           (static_cast<double>(policy.interval) * static_cast<double>(policy.burst));
}

RateLimiter::Slot& RateLimiter::find(Shard& shard, std::uint64_t tag, std::uint64_t hash,
                                     std::int64_t now) const {
    // The shard took the highest bits and the tag keeps all but three: the set takes others again.
    const std::size_t set = static_cast<std::size_t>(hash >> 20) & set_mask_;
    Slot* const first = shard.slots.data() + set * ways;
    Slot* const last = first + ways;
    Slot* free = nullptr;
    for (Slot* slot = first; slot != last; ++slot) {
        if (slot->tag == tag) return *slot;
        if (free == nullptr && slot->full_at <= now) free = slot;
    }
    if (free == nullptr) {
        free = std::min_element(
            first, last, [&](const Slot& a, const Slot& b) { return debt(a, now) < debt(b, now); });
    }
    free->tag = tag;
    free->full_at = now;
    return *free;
}

RateVerdict RateLimiter::take(LimitClass limit_class, std::string_view caller, Deadline when) {
    RateVerdict verdict;
    const auto index = static_cast<std::size_t>(limit_class);
    const Policy& policy = policies_[index];
    if (policy.interval == 0) return verdict;

    const std::int64_t now = nanoseconds(when);
    const std::uint64_t hash = XXH3_64bits_withSeed(caller.data(), caller.size(), seed_ + index);
    // Never 0, which marks a slot that was never used.
    const std::uint64_t tag = ((hash | (class_mask + 1)) & ~class_mask) | index;
    const std::int64_t most = policy.interval * policy.burst;
    std::int64_t full_at = 0;
    {
        Shard& shard = *shards_[static_cast<std::size_t>(hash >> 58) & shard_mask_];
        const std::lock_guard lock(shard.mutex);
        Slot& slot = find(shard, tag, hash, now);
        full_at = std::max(slot.full_at, now);
        if (full_at + policy.interval - now > most) {
            verdict.allowed = false;
        } else {
            full_at += policy.interval;
            slot.full_at = full_at;
        }
    }
    verdict.limit = policy.burst;
    verdict.remaining = (most - (full_at - now)) / policy.interval;
    verdict.full_in = std::chrono::nanoseconds(full_at - now);
    if (!verdict.allowed) {
        verdict.retry_in = std::chrono::nanoseconds(full_at + policy.interval - now - most);
    }
    return verdict;
}

}  // namespace subcults::api
