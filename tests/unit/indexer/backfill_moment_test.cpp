#include "backfill/backfill_report.hpp"
#include "backfill/moment.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace subcults;
using namespace subcults::indexer;

namespace {

constexpr UnixMicros now{1'769'653'800'000'000};  // 2026-01-29T02:30:00Z

std::int64_t before_now(std::string_view text) {
    const auto moment = parse_moment(text, now);
    return moment ? (now.value - moment->value) / 1'000'000 : -1;
}

BackfillState running() {
    BackfillState state;
    state.id = 3;
    state.status = "running";
    state.from_us = now.value;
    state.to_us = now.value + 100'000'000;
    state.position_us = now.value + 42'900'000;
    state.oldest_us = now.value + 1;
    state.events = 12;
    state.rows_changed = 7;
    state.set_aside = 1;
    return state;
}

}  // namespace

TEST_CASE("moments are RFC 3339 or how long ago") {
    CHECK(parse_moment("2026-01-29T02:29:00Z", now) == UnixMicros{now.value - 60'000'000});
    CHECK(before_now("0s") == 0);
    CHECK(before_now("90s") == 90);
    CHECK(before_now("15m") == 900);
    CHECK(before_now("36h") == 36 * 3600);
    CHECK(before_now("2d") == 2 * 86'400);
}

TEST_CASE("anything else is no moment") {
    for (const char* bad : {"", "h", "1", "-1h", "1.5h", "1 h", "1h ", "2w", "now", "h1",
                            "2026-01-29", "99999999999999999999d", "9999999999999d"}) {
        INFO(bad);
        CHECK_FALSE(parse_moment(bad, now).has_value());
    }
}

TEST_CASE("a backfill's line says how far it has come, and what ails it") {
    BackfillState state = running();
    CHECK(line_of(state) ==
          "backfill 3: running, 42 %, at 2026-01-29T02:30:42.900Z; 12 events, 7 rows changed, 1 "
          "set aside");
    state.error_type = "network_error";
    CHECK(line_of(state).ends_with("; last run failed: network_error"));
    state.status = "completed";
    CHECK(state.share() == 1);
    CHECK(state.ended());
}

TEST_CASE("what a server did not have any more is said at the end") {
    BackfillState state = running();
    CHECK(warning_of(state).empty());
    state.status = "completed";
    CHECK(warning_of(state).empty());
    state.oldest_us = state.from_us + 61'000'000;
    CHECK(warning_of(state) == "the server had nothing before 2026-01-29T02:31:01Z");
    state.missing_seconds = 2.5;
    CHECK(warning_of(state).ends_with("; 3 s were gone by the time they were asked for"));
    state.oldest_us.reset();
    state.position_us.reset();
    state.missing_seconds = 0;
    CHECK(warning_of(state) == "the server had nothing of this time");
}
