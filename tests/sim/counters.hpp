// What really happened, for /control/stats: a fault that was planned counts when it struck.
#pragma once

#include <cstdint>

namespace subcults::sim {

struct Counters {
    std::uint64_t connections_total = 0;  // upgrades that were granted
    std::uint64_t sent = 0;               // frames of the timeline, repeats included
    std::uint64_t sent_compressed = 0;    // of these, as binary zstd frames
    std::uint64_t dropped_slow = 0;       // subscribers that fell out of the ring
    std::uint64_t dropped = 0;            // connections cut by a drop or a regression
    std::uint64_t stalls = 0;
    std::uint64_t silenced = 0;     // connections made half-open
    std::uint64_t refused = 0;      // upgrades answered as a refusal said
    std::uint64_t regressions = 0;  // unclean stops
    std::uint64_t revoked = 0;      // frames that these took back
    std::uint64_t forgotten = 0;    // frames that a forget took away
    std::uint64_t gaps = 0;         // replays of which the beginning was no longer there
    std::uint64_t jumps_back = 0;   // replays that began with the active segment
    std::uint64_t reordered = 0;    // frames that overtook others during a replay
    std::uint64_t repeated = 0;     // frames that a replay sent once more
    std::uint64_t damaged = 0;      // zstd frames sent in a damaged copy first
};

}  // namespace subcults::sim
