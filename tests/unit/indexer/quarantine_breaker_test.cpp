#include "write/quarantine_breaker.hpp"

#include <catch2/catch.hpp>

using subcults::SteadyClock;
using subcults::indexer::QuarantineBreaker;

namespace {

const SteadyClock::time_point start{std::chrono::hours(100)};

// How many refused events in a row are set aside at this time.
int taken(QuarantineBreaker& breaker, SteadyClock::time_point now) {
    int count = 0;
    while (count < 1000 && breaker.take(now))
        ++count;
    return count;
}

}  // namespace

TEST_CASE("a few refused events in a row are set aside, then the breaker opens") {
    QuarantineBreaker breaker;
    CHECK(taken(breaker, start) == 20);
    CHECK(breaker.open());
    CHECK_FALSE(breaker.take(start));
    breaker.close();
    CHECK_FALSE(breaker.open());
}

TEST_CASE("one refused event in a hundred goes on for ever") {
    QuarantineBreaker breaker;
    for (int i = 0; i < 10'000; ++i) {
        REQUIRE(breaker.take(start));
        breaker.committed(100);
    }
}

TEST_CASE("three refused events in a hundred open the breaker soon") {
    QuarantineBreaker breaker;
    int hundreds = 0;
    while (hundreds < 1000 && breaker.take(start) && breaker.take(start) && breaker.take(start)) {
        breaker.committed(100);
        ++hundreds;
    }
    CHECK(hundreds >= 8);
    CHECK(hundreds <= 11);
}

TEST_CASE("a quiet history does not save up more than the burst") {
    QuarantineBreaker breaker;
    breaker.committed(1'000'000);
    CHECK(taken(breaker, start) == 20);
}

TEST_CASE("while open, one event a minute is set aside, so that a lone bad one cannot block") {
    QuarantineBreaker breaker;
    CHECK(taken(breaker, start) == 20);
    CHECK(taken(breaker, start + std::chrono::seconds(59)) == 0);
    CHECK(taken(breaker, start + std::chrono::seconds(60)) == 1);
    CHECK(taken(breaker, start + std::chrono::seconds(90)) == 0);
    CHECK(taken(breaker, start + std::chrono::seconds(120)) == 1);
}
