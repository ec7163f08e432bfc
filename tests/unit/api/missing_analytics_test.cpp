#include "analytics/missing_analytics.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::api;
using namespace std::chrono_literals;

TEST_CASE("a session whose analytics fail rests longer after each failure, and others do not") {
    FailedSessions sessions;
    const Uuid huge = uuid_v7();
    const Uuid other = uuid_v7();
    const Deadline start{};
    CHECK(sessions.resting(start).empty());

    sessions.failed(huge, start);
    CHECK(sessions.resting(start + 9s) == std::vector<Uuid>{huge});
    CHECK(sessions.resting(start + 10s).empty());
    sessions.failed(huge, start + 10s);
    CHECK(sessions.resting(start + 29s) == std::vector<Uuid>{huge});
    sessions.failed(other, start + 29s);
    CHECK(sessions.resting(start + 30s) == std::vector<Uuid>{other});

    Deadline now = start + 30s;
    for (int i = 0; i < 20; ++i)
        sessions.failed(huge, now);
    CHECK(sessions.resting(now + 3599s) == std::vector<Uuid>{huge});
    CHECK(sessions.resting(now + 3600s).empty());

    sessions.succeeded(huge);
    sessions.failed(huge, now);
    CHECK(sessions.resting(now + 10s).empty());
}

TEST_CASE("failures of sessions that nobody asks for any more are forgotten") {
    FailedSessions sessions;
    const Uuid old = uuid_v7();
    const Deadline start{};
    for (int i = 0; i < 20; ++i)
        sessions.failed(old, start);
    CHECK(sessions.resting(start + 26h).empty());
    // As if for the first time.
    sessions.failed(old, start + 26h);
    CHECK(sessions.resting(start + 26h + 11s).empty());
}
