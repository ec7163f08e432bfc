// What tells a cached value that its row has changed: a number per row that only ever rises.
//
// A reader takes the stamp of a row before it asks the database and keeps it with the answer; the
// answer is good for as long as the stamp is the same. So a change that becomes known while the
// answer is on its way spoils it too, and nobody has to find the copies that workers hold.
//
// Rows share a fixed number of counters by their ids: now and then a change spoils a value that it
// is not about, which costs one read.
//
// Safe from any thread. Cost: an atomic increment per change, two loads per look. Memory: 32 KiB.
#pragma once

#include "base/uuid.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace subcults::api {

class Stamps {
  public:
    // Two that are equal: nothing has been said of the row in between.
    std::uint64_t of(const Uuid& id) const noexcept {
        // Both rise only, so their sum stays the same only if neither has moved.
        const std::uint64_t own = slots_[slot(id)].load(std::memory_order_acquire);
        return own + all_.load(std::memory_order_acquire);
    }
    void invalidate(const Uuid& id) noexcept {
        slots_[slot(id)].fetch_add(1, std::memory_order_acq_rel);
    }
    void invalidate_all() noexcept { all_.fetch_add(1, std::memory_order_acq_rel); }

  private:
    static constexpr std::size_t count = 4096;
    static std::size_t slot(const Uuid& id) noexcept { return UuidHash{}(id) % count; }

    std::array<std::atomic<std::uint64_t>, count> slots_{};
    std::atomic<std::uint64_t> all_{0};
};

// One per process, shared by its workers.
struct CacheStamps {
    Stamps sessions;  // stream_sessions
    Stamps scenes;    // who owns a scene, and whether it is there
    Stamps trust;     // trust_scores and what they are computed from, by scene
};

}  // namespace subcults::api
