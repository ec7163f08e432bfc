#include "jetstream/gap_detector.hpp"

#include <catch2/catch.hpp>

using namespace subcults::jetstream;

namespace {
constexpr std::int64_t held = 1'783'175'888'000'000;
constexpr std::int64_t second = 1'000'000;
}  // namespace

TEST_CASE("a stream that begins at or before the position has no gap") {
    GapDetector detector;
    detector.begin(held);
    CHECK_FALSE(detector.observe(held).has_value());
    CHECK_FALSE(detector.observe(held + 3600 * second).has_value());
    detector.begin(held);
    CHECK_FALSE(detector.observe(held - 5 * second).has_value());
    CHECK_FALSE(detector.observe(held + 3600 * second).has_value());
}

TEST_CASE("a stream that begins well behind the position has one gap") {
    GapDetector detector;
    detector.begin(held);
    const auto gap = detector.observe(held + 90 * second);
    REQUIRE(gap);
    CHECK(gap->from_us == held);
    CHECK(gap->to_us == held + 90 * second);
    CHECK(gap->seconds() == Approx(90));
    CHECK_FALSE(detector.observe(held + 91 * second).has_value());
}

TEST_CASE("events a little late prove a gap only together") {
    GapDetector detector;
    detector.begin(held);
    for (int i = 1; i < GapDetector::events_needed; ++i)
        CHECK_FALSE(detector.observe(held + 1000 - i).has_value());
    const auto gap = detector.observe(held + 1000);
    REQUIRE(gap);
    CHECK(gap->to_us == held + 1000 - (GapDetector::events_needed - 1));
}

TEST_CASE("an early event among late ones disproves the gap") {
    GapDetector detector;
    detector.begin(held);
    CHECK_FALSE(detector.observe(held + 2000).has_value());
    CHECK_FALSE(detector.observe(held - 1000).has_value());
    CHECK_FALSE(detector.observe(held + 3600 * second).has_value());
}

TEST_CASE("another server's stamps may be later by the tolerance") {
    GapDetector detector;
    detector.begin(held, std::chrono::seconds(10));
    CHECK_FALSE(detector.observe(held + 9 * second).has_value());
    CHECK_FALSE(detector.observe(held + 3600 * second).has_value());
    detector.begin(held, std::chrono::seconds(10));
    CHECK(detector.observe(held + 12 * second).has_value());
}

TEST_CASE("a stream that does not resume has no gap") {
    GapDetector detector;
    detector.begin(std::nullopt);
    CHECK_FALSE(detector.observe(held + 3600 * second).has_value());
}
