// Where a subscriber begins that asks for a cursor: the rules of both generations of servers.
// Sans I/O.
#pragma once

#include "sim/timeline.hpp"

#include <cstdint>
#include <optional>

namespace subcults::sim {

struct ReplayRules {
    bool v2_host = false;
    // On a v2 host: of so many numbers each is a segment; 0 = times are always looked up exactly.
    std::uint64_t segment_events = 0;
    std::int64_t first_seq = 1;
};

struct Replay {
    std::uint64_t begin = 0;     // position of the first frame to look at
    std::uint64_t end = 0;       // from here on it is the live stream
    std::int64_t from_time = 0;  // frames of the replay that are older are passed over
    bool gap = false;            // something that was asked for is no longer there
    bool jumped_back = false;    // begins earlier than asked, at the start of the active segment
};

// v1: the cursor is a time in Unix microseconds, inclusive; older frames are passed over.
// v2: a cursor below 1e15 is a number, inclusive; beyond the tip it silently means live. Others are
// times; one that is newer than the last sealed segment goes back to where the active one starts.
Replay plan_replay(const Timeline& timeline, std::optional<std::int64_t> cursor,
                   const ReplayRules& rules);

}  // namespace subcults::sim
