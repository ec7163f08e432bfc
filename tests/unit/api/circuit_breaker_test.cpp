#include "livekit/circuit_breaker.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::api::livekit;
using namespace std::chrono_literals;

namespace {

const Deadline start{};

CircuitBreaker opened() {
    CircuitBreaker circuit{CircuitPolicy{}};
    for (int i = 0; i < 5; ++i) {
        REQUIRE(circuit.allow(start));
        circuit.failed(start);
    }
    return circuit;
}

}  // namespace

TEST_CASE("a circuit opens at the fifth failure in a row, not before") {
    CircuitBreaker circuit{CircuitPolicy{}};
    for (int i = 0; i < 4; ++i)
        circuit.failed(start);
    CHECK(circuit.allow(start));
    circuit.succeeded();
    for (int i = 0; i < 4; ++i)
        circuit.failed(start);
    CHECK(circuit.allow(start));
    circuit.failed(start);
    CHECK_FALSE(circuit.allow(start));
    CHECK(circuit.state() == CircuitBreaker::State::open);
}

TEST_CASE("an open circuit lets one probe through after its pause") {
    CircuitBreaker circuit = opened();
    CHECK_FALSE(circuit.allow(start + 4999ms));
    CHECK(circuit.would_allow(start + 5s));
    CHECK(circuit.allow(start + 5s));
    CHECK_FALSE(circuit.allow(start + 5s));
    CHECK_FALSE(circuit.would_allow(start + 60s));
    circuit.succeeded();
    CHECK(circuit.state() == CircuitBreaker::State::closed);
    CHECK(circuit.allow(start + 5s));
    CHECK(circuit.allow(start + 5s));
}

TEST_CASE("failing probes double the pause up to a minute, a success resets it") {
    CircuitBreaker circuit = opened();
    Deadline now = start + 5s;
    for (const auto pause : {10s, 20s, 40s, 60s, 60s}) {
        REQUIRE(circuit.allow(now));
        circuit.failed(now);
        CHECK_FALSE(circuit.allow(now + pause - 1ms));
        now += pause;
    }
    REQUIRE(circuit.allow(now));
    circuit.succeeded();
    for (int i = 0; i < 5; ++i)
        circuit.failed(now);
    CHECK_FALSE(circuit.allow(now + 4999ms));
    CHECK(circuit.allow(now + 5s));
}

TEST_CASE("a probe that was cancelled makes room for another one") {
    CircuitBreaker circuit = opened();
    REQUIRE(circuit.allow(start + 5s));
    circuit.abandoned();
    CHECK(circuit.allow(start + 5s));
}

TEST_CASE("late results of calls from before say what they know") {
    CircuitBreaker circuit = opened();
    circuit.failed(start + 1s);  // nothing new: the pause does not start again
    CHECK(circuit.allow(start + 5s));
    CircuitBreaker other = opened();
    other.succeeded();  // the server is alive after all
    CHECK(other.allow(start));
}
