// When the next run comes.
#include "jobs/schedule.hpp"

#include <catch2/catch.hpp>

using namespace subcults::jobs;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

Schedule every(milliseconds interval) {
    Schedule schedule;
    schedule.interval = interval;
    schedule.jitter = 0;
    return schedule;
}

}  // namespace

TEST_CASE("a run that succeeded is followed by the next one after the interval") {
    CHECK(next_delay(every(seconds(30)), 0, 0.5) == seconds(30));
    CHECK(next_delay(every(seconds(30)), 0, 0.0) == seconds(30));
}

TEST_CASE("the interval varies by its jitter, up and down") {
    Schedule schedule = every(seconds(100));
    schedule.jitter = 0.1;
    CHECK(next_delay(schedule, 0, 0.0) == seconds(90));
    CHECK(next_delay(schedule, 0, 0.5) == seconds(100));
    CHECK(next_delay(schedule, 0, 0.75) == seconds(105));
    CHECK(next_delay(schedule, 0, 0.999999) <= seconds(110));
}

TEST_CASE("a jitter beyond the interval never leads to a time in the past") {
    Schedule schedule = every(seconds(10));
    schedule.jitter = 7;
    CHECK(next_delay(schedule, 0, 0.0) == seconds(0));
}

TEST_CASE("without a retry delay a failure changes nothing") {
    CHECK(next_delay(every(seconds(30)), 5, 0.5) == seconds(30));
}

TEST_CASE("failures are retried sooner, then less and less, never later than the interval") {
    Schedule schedule = every(seconds(30));
    schedule.retry = seconds(4);
    CHECK(next_delay(schedule, 1, 0.5) == seconds(4));
    CHECK(next_delay(schedule, 2, 0.5) == seconds(8));
    CHECK(next_delay(schedule, 3, 0.5) == seconds(16));
    CHECK(next_delay(schedule, 4, 0.5) == seconds(30));
    CHECK(next_delay(schedule, 1'000'000'000'000, 0.5) == seconds(30));
    CHECK(next_delay(schedule, 0, 0.5) == seconds(30));
}

TEST_CASE("an interval shorter than the retry delay stays what it is") {
    Schedule schedule = every(seconds(1));
    schedule.retry = seconds(4);
    CHECK(next_delay(schedule, 1, 0.5) == seconds(1));
}

TEST_CASE("only a schedule with an interval is periodic") {
    CHECK(every(milliseconds(1)).periodic());
    CHECK_FALSE(Schedule().periodic());
}
