#include "sim/replay.hpp"

#include <algorithm>

namespace subcults::sim {
namespace {

constexpr std::int64_t first_time_cursor = 1'000'000'000'000'000;

// The first position whose frame satisfies the condition, else end().
template <class Condition>
std::uint64_t first_position(const Timeline& timeline, Condition condition) {
    for (std::uint64_t at = timeline.begin(); at < timeline.end(); ++at) {
        const auto frame = timeline.at(at);
        if (frame && condition(*frame)) return at;
    }
    return timeline.end();
}

std::int64_t newest_seq(const Timeline& timeline) {
    std::int64_t newest = 0;
    for (std::uint64_t at = timeline.end(); at-- > timeline.begin();) {
        const auto frame = timeline.at(at);
        if (frame) newest = std::max(newest, frame->seq.value_or(0));
    }
    return newest;
}

// The number that the active segment starts with.
std::int64_t active_segment(const Timeline& timeline, const ReplayRules& rules) {
    const auto size = static_cast<std::int64_t>(rules.segment_events);
    const std::int64_t since = newest_seq(timeline) - rules.first_seq;
    return rules.first_seq + std::max<std::int64_t>(since, 0) / size * size;
}

void by_seq(const Timeline& timeline, std::int64_t cursor, Replay& replay) {
    replay.begin = first_position(timeline, [cursor](const Frame& frame) {
        return frame.seq.has_value() && *frame.seq >= cursor;
    });
    replay.gap = timeline.lost_seq() >= std::max<std::int64_t>(cursor, 1);
}

void by_time(const Timeline& timeline, std::int64_t cursor, const ReplayRules& rules,
             Replay& replay) {
    replay.begin =
        first_position(timeline, [cursor](const Frame& frame) { return frame.time_us >= cursor; });
    replay.gap = timeline.lost_time() >= cursor;
    if (rules.segment_events == 0) return;
    const std::int64_t active = active_segment(timeline, rules);
    const std::uint64_t segment_begin = first_position(timeline, [active](const Frame& frame) {
        return frame.seq.has_value() && *frame.seq >= active;
    });
    // What the cursor finds lies in the active segment, or behind everything.
    if (replay.begin > segment_begin) {
        replay.begin = segment_begin;
        replay.jumped_back = true;
    }
}

}  // namespace

Replay plan_replay(const Timeline& timeline, std::optional<std::int64_t> cursor,
                   const ReplayRules& rules) {
    Replay replay;
    replay.end = timeline.end();
    replay.begin = replay.end;
    if (!cursor) return replay;
    if (!rules.v2_host) {
        replay.begin = timeline.begin();
        replay.from_time = *cursor;
        replay.gap = timeline.lost_time() >= *cursor;
    } else if (*cursor < first_time_cursor) {
        by_seq(timeline, *cursor, replay);
    } else {
        by_time(timeline, *cursor, rules, replay);
    }
    return replay;
}

}  // namespace subcults::sim
