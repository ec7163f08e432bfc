#include "jetstream/cursor.hpp"

#include <catch2/catch.hpp>

using namespace subcults::jetstream;

namespace {
constexpr std::int64_t stamp = 1'783'175'888'085'434;
}

TEST_CASE("Without a stored time a connection begins live") {
    CHECK_FALSE(connect_cursor({}, true).has_value());
    CHECK_FALSE(connect_cursor({}, false).has_value());
    // A sequence number alone says nothing that is safe to ask for.
    CHECK_FALSE(connect_cursor({std::nullopt, 24'600'000'000}, true).has_value());
}

TEST_CASE("The same host is asked five seconds back, another one ten") {
    const StoredCursor stored{stamp, std::nullopt};
    CHECK(connect_cursor(stored, true) == stamp - 5'000'000);
    CHECK(connect_cursor(stored, false) == stamp - 10'000'000);
    CHECK(connect_cursor({stamp, 12}, true) == stamp - 5'000'000);
}

TEST_CASE("A cursor never falls below what servers read as a time") {
    CHECK(connect_cursor({min_time_cursor, std::nullopt}, true) == min_time_cursor);
    CHECK(connect_cursor({min_time_cursor + 1, std::nullopt}, false) == min_time_cursor);
    CHECK(connect_cursor({-5, std::nullopt}, true) == min_time_cursor);
    CHECK(connect_cursor({INT64_MAX, std::nullopt}, true) == end_time_cursor - 1 - 5'000'000);
}

TEST_CASE("A rewind is configurable and a negative one counts as none") {
    const StoredCursor stored{stamp, std::nullopt};
    const Rewind rewind{std::chrono::seconds(60), std::chrono::seconds(-1)};
    CHECK(connect_cursor(stored, true, rewind) == stamp - 60'000'000);
    CHECK(connect_cursor(stored, false, rewind) == stamp);
}

TEST_CASE("The watermark is the highest stamp seen, never the last") {
    Watermark mark;
    CHECK(mark.cursor() == StoredCursor{});
    mark.observe(stamp);
    mark.observe(stamp - 33'000);
    CHECK(mark.cursor() == StoredCursor{stamp, std::nullopt});
    mark.observe(stamp + 1, 7);
    mark.observe(stamp, 9);
    mark.observe(stamp, 8);
    CHECK(mark.cursor() == StoredCursor{stamp + 1, 9});
    mark.forget_seq();
    CHECK(mark.cursor() == StoredCursor{stamp + 1, std::nullopt});
}

TEST_CASE("A watermark continues from what was stored") {
    Watermark mark(StoredCursor{stamp, 5});
    EventView event;
    event.time_us = stamp - 1;
    mark.observe(event);
    CHECK(mark.cursor() == StoredCursor{stamp, 5});
    event.time_us = stamp + 10;
    event.seq = 6;
    mark.observe(event);
    CHECK(mark.cursor() == StoredCursor{stamp + 10, 6});
}
