#include "state.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::indexer;

namespace {

constexpr std::int64_t second = 1'000'000;
constexpr UnixMicros now{1'783'175'888'000'000};

}  // namespace

TEST_CASE("while work waits, the lag is the age of the oldest of it") {
    IndexerState state;
    state.connected = true;
    state.heard_us = now.value;
    state.commit_lag_us = second;
    CHECK(processing_lag_seconds(state, now.value - 7 * second, now) == Approx(7));
    state.in_flight_us = now.value - 9 * second;
    CHECK(processing_lag_seconds(state, now.value - 7 * second, now) == Approx(9));
}

TEST_CASE("without a connection the lag grows") {
    IndexerState state;
    state.commit_lag_us = 2 * second;
    state.heard_us = now.value - 30 * second;
    CHECK(processing_lag_seconds(state, std::nullopt, now) == Approx(32));
}

TEST_CASE("on a quiet connection the lag does not grow") {
    IndexerState state;
    state.connected = true;
    state.commit_lag_us = 2 * second;
    state.heard_us = now.value - second;
    CHECK(processing_lag_seconds(state, std::nullopt, now) == Approx(2));
    state.heard_us = now.value - 600 * second;
    CHECK(processing_lag_seconds(state, std::nullopt, now) == 0.0);
}

TEST_CASE("a server whose clock runs ahead does not make the lag negative") {
    IndexerState state;
    state.connected = true;
    state.heard_us = now.value;
    CHECK(processing_lag_seconds(state, now.value + 5 * second, now) == 0.0);
}

TEST_CASE("before the first message the lag grows from the committed position") {
    IndexerState state;
    state.phase = WriterPhase::active;
    state.cursor_us = now.value - 3600 * second;
    CHECK(processing_lag_seconds(state, std::nullopt, now) == Approx(3600));
    CHECK(processing_lag_seconds(state, std::nullopt, UnixMicros{now.value + 60 * second}) ==
          Approx(3660));
}

TEST_CASE("with no position at all the lag grows from the start of the process") {
    IndexerState state;
    const UnixMicros later{state.started_us + 40 * second};
    CHECK(processing_lag_seconds(state, std::nullopt, later) == Approx(40));
}

TEST_CASE("a process in standby has no lag of its own") {
    IndexerState state;
    state.phase = WriterPhase::standby;
    state.heard_us = now.value - 600 * second;
    CHECK(processing_lag_seconds(state, std::nullopt, now) == 0.0);
}

TEST_CASE("without a connection waiting work counts when it is older than the silence") {
    IndexerState state;
    state.heard_us = now.value - 5 * second;
    const LagParts parts = processing_lag(state, now.value - 50 * second, now);
    CHECK(parts.total == 50 * second);
    CHECK(parts.oldest_queued == 50 * second);
    CHECK(parts.disconnected == 5 * second);
}
