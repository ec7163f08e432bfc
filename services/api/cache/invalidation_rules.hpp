// What a process concludes from notifications, and from their absence: which stamps to move, and
// whether the way by which notifications come can be trusted.
//
// Sans I/O. Not thread-safe, except for the stamps it moves.
#pragma once

#include "cache/changes.hpp"
#include "cache/stamps.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace subcults::api {

// How many stamps were moved, and for which reason: for metrics.
struct Invalidated {
    std::size_t remote = 0;
    std::size_t trust_graph = 0;
    std::size_t flushes = 0;
    std::size_t total() const noexcept { return remote + trust_graph + flushes; }
};

class InvalidationRules {
  public:
    InvalidationRules(CacheStamps& stamps, const Uuid& own_origin)
        : stamps_(stamps), own_origin_(own_origin) {}

    // A message of a process of the API. Collected: nothing is spoilt before apply().
    void on_message(std::string_view payload);
    // The indexer has changed scenes, members, alliances or states of accounts.
    void on_trust_graph() noexcept { trust_graph_ = true; }
    // Whatever happened before this was perhaps not heard: the connection is new, or silent.
    void on_loss() noexcept { lost_ = true; }
    bool pending() const noexcept { return lost_ || trust_graph_ || !changes_.empty(); }
    // Everything collected, at once.
    Invalidated apply();

    // The number to send in the next probe.
    std::uint64_t next_probe() noexcept { return ++probe_sent_; }
    // The last one sent has come back: everything before it has been heard.
    bool probe_returned() const noexcept { return probe_seen_ >= probe_sent_; }

  private:
    CacheStamps& stamps_;
    Uuid own_origin_;
    Changes changes_;
    bool trust_graph_ = false;
    bool lost_ = false;
    std::uint64_t probe_sent_ = 0;
    std::uint64_t probe_seen_ = 0;
};

// What a process has changed itself: moved at once, from any thread. Returns how many.
std::size_t spoil(CacheStamps& stamps, const Changes& changes) noexcept;

}  // namespace subcults::api
