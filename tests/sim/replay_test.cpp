#include "sim/replay.hpp"

#include <catch2/catch.hpp>
#include <utility>
#include <vector>

using namespace subcults::sim;

namespace {

constexpr std::int64_t base = 1'783'175'888'000'000;

// Frames at base + time, numbered from `first_seq` unless that is 0.
Timeline timeline_of(const std::vector<std::int64_t>& times, std::int64_t first_seq = 0,
                     std::size_t retention = 100) {
    Timeline timeline(retention);
    for (const std::int64_t time : times) {
        Frame frame;
        frame.time_us = base + time;
        if (first_seq > 0) frame.seq = first_seq++;
        timeline.publish(std::move(frame));
    }
    return timeline;
}

ReplayRules v2(std::uint64_t segment_events, std::int64_t first_seq = 1) {
    ReplayRules rules;
    rules.v2_host = true;
    rules.segment_events = segment_events;
    rules.first_seq = first_seq;
    return rules;
}

}  // namespace

TEST_CASE("Without a cursor there is no replay") {
    const Timeline timeline = timeline_of({1, 2, 3});
    const Replay replay = plan_replay(timeline, std::nullopt, {});
    CHECK(replay.begin == 3);
    CHECK(replay.end == 3);
    CHECK_FALSE(replay.gap);
}

TEST_CASE("On a v1 host a cursor is a time and a gap is what is no longer there") {
    Timeline timeline = timeline_of({10, 20, 15, 30});
    const Replay replay = plan_replay(timeline, base + 15, {});
    CHECK(replay.begin == 0);
    CHECK(replay.from_time == base + 15);
    CHECK_FALSE(replay.gap);

    CHECK(timeline.forget(base + 16) == 2);
    CHECK(timeline.retained() == 2);
    CHECK(timeline.at(0) == nullptr);
    CHECK(timeline.at(1) != nullptr);
    CHECK(plan_replay(timeline, base + 15, {}).gap);
    CHECK_FALSE(plan_replay(timeline, base + 16, {}).gap);
}

TEST_CASE("What falls out of the ring leaves a gap too") {
    const Timeline timeline = timeline_of({10, 20, 30, 40}, 1, 2);
    CHECK(timeline.retained() == 2);
    CHECK(plan_replay(timeline, base + 20, {}).gap);
    CHECK_FALSE(plan_replay(timeline, base + 21, {}).gap);
    CHECK(plan_replay(timeline, 2, v2(0)).gap);
    CHECK_FALSE(plan_replay(timeline, 3, v2(0)).gap);
}

TEST_CASE("On a v2 host a small cursor is a number, inclusive, and live beyond the tip") {
    const Timeline timeline = timeline_of({10, 10, 10, 20, 20}, 500);
    CHECK(plan_replay(timeline, 502, v2(0, 500)).begin == 2);
    CHECK(plan_replay(timeline, 504, v2(0, 500)).begin == 4);
    CHECK(plan_replay(timeline, 505, v2(0, 500)).begin == 5);
    CHECK(plan_replay(timeline, 999'999'999'999'999, v2(0, 500)).begin == 5);
    CHECK(plan_replay(timeline, 0, v2(0, 500)).begin == 0);
    CHECK(plan_replay(timeline, 502, v2(0, 500)).from_time == 0);
}

TEST_CASE("On a v2 host a time newer than the last sealed segment goes back to the active one") {
    std::vector<std::int64_t> times;
    for (std::int64_t i = 0; i < 25; ++i)
        times.push_back(i * 10);
    const Timeline timeline = timeline_of(times, 1);
    // Segments of ten: two sealed, five events in the active one.
    const Replay sealed = plan_replay(timeline, base + 45, v2(10));
    CHECK(sealed.begin == 5);
    CHECK_FALSE(sealed.jumped_back);
    const Replay exact = plan_replay(timeline, base + 200, v2(10));
    CHECK(exact.begin == 20);
    CHECK_FALSE(exact.jumped_back);
    for (const std::int64_t time : {205, 240, 241, 1'000'000}) {
        const Replay active = plan_replay(timeline, base + time, v2(10));
        CHECK(active.begin == 20);
        CHECK(active.jumped_back);
    }
    CHECK(plan_replay(timeline, base + 235, v2(0)).begin == 24);
}

TEST_CASE("Frames that are revoked leave the newest end and are no gap") {
    Timeline timeline = timeline_of({10, 20, 30, 40}, 1);
    const auto revoked = timeline.revoke(2);
    REQUIRE(revoked.size() == 2);
    CHECK(revoked[0]->seq == 3);
    CHECK(revoked[1]->seq == 4);
    CHECK(timeline.retained() == 2);
    CHECK_FALSE(plan_replay(timeline, 3, v2(0)).gap);
    CHECK(plan_replay(timeline, 3, v2(0)).begin == timeline.end());
    CHECK(timeline.revoke(10).size() == 2);
    CHECK(timeline.revoke(1).empty());
    // Their positions do not come back.
    Frame next;
    next.seq = 3;
    timeline.publish(std::move(next));
    CHECK(timeline.end() == 5);
    CHECK(plan_replay(timeline, 3, v2(0)).begin == 4);
}
