#include "jetstream/endpoint_policy.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace subcults;
using namespace subcults::jetstream;
using namespace std::chrono_literals;

namespace {

using Time = EndpointPolicy::Time;
const Time start = Time() + 1000h;

ConnectFailure away() {
    return {};
}
ConnectFailure tls() {
    return {ConnectFailure::Kind::tls, 0, std::nullopt};
}
ConnectFailure answered(unsigned status, std::optional<unsigned> retry_after = std::nullopt) {
    return {ConnectFailure::Kind::answered, status, retry_after};
}

EndpointPolicy policy_of(std::size_t endpoints, std::uint64_t seed = 1) {
    return EndpointPolicy(endpoints, EndpointRules(), seed);
}

// The next attempt, at the time it is due.
EndpointPolicy::Attempt next_step(const EndpointPolicy& policy, Time& now) {
    auto attempt = policy.next(now);
    now = std::max(now, attempt.at);
    attempt = policy.next(now);
    now = std::max(now, attempt.at);
    return attempt;
}

}  // namespace

TEST_CASE("the first attempt is at the preferred server, at once") {
    const auto policy = policy_of(3);
    const auto attempt = policy.next(start);
    CHECK(attempt.endpoint == 0);
    CHECK(attempt.at <= start);
}

TEST_CASE("after failures the servers take their turns in order") {
    auto policy = policy_of(3);
    Time now = start;
    for (const std::size_t expected : {0U, 1U, 2U}) {
        const auto attempt = next_step(policy, now);
        CHECK(attempt.endpoint == expected);
        policy.on_failed(attempt.endpoint, away(), now);
    }
    CHECK(now - start <= 500ms);  // nobody waits for a server that is away
}

TEST_CASE("the delays of one server grow to 30 s and stay below their window") {
    bool spread = false;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        auto policy = policy_of(1, seed);
        Time now = start;
        auto window = 250ms;
        for (int i = 0; i < 20; ++i) {
            policy.on_failed(0, away(), now);
            const auto attempt = policy.next(now);
            CHECK(attempt.at - now <= std::max(window, 250ms));
            if (i == 19) spread = spread || attempt.at - now > 15s;
            now = attempt.at;
            window = std::min(window * 2, 30'000ms);
        }
    }
    CHECK(spread);
}

TEST_CASE("backoff starts over after committed progress and not after a mere connection") {
    auto policy = policy_of(1, 7);
    Time now = start;
    for (int i = 0; i < 10; ++i) {
        now = policy.next(now).at;
        policy.on_connected(0, now);
        policy.on_disconnected(false, now);
    }
    CHECK(policy.standing(0).failures == 10);
    const bool grown = policy.next(now).at - now > 250ms;
    now = policy.next(now).at;
    policy.on_connected(0, now);
    policy.on_progress();
    CHECK(policy.standing(0).failures == 0);
    policy.on_disconnected(false, now);
    CHECK(policy.next(now).at - now <= 250ms);
    CHECK(grown);
}

TEST_CASE("a disconnection after a long pause of ours costs no growth and no server") {
    auto policy = policy_of(2);
    Time now = start;
    policy.on_connected(0, now);
    policy.on_progress();
    for (int i = 0; i < 20; ++i) {
        policy.on_disconnected(true, now);
        const auto attempt = next_step(policy, now);
        CHECK(attempt.endpoint == 0);
        policy.on_connected(0, now);
    }
    CHECK(policy.standing(0).failures == 0);
    CHECK(now - start <= 20 * 250ms);
}

TEST_CASE("a server that served well is tried again first, one that did not loses its turn") {
    auto policy = policy_of(2);
    Time now = start;
    policy.on_connected(0, now);
    policy.on_progress();
    policy.on_disconnected(false, now);
    CHECK(policy.next(now).endpoint == 0);

    now += 10s;
    policy.on_connected(0, now);
    policy.on_disconnected(false, now);
    CHECK(policy.next(now).endpoint == 1);
    // What it had brought is committed only now: that is progress all the same.
    policy.on_progress();
    CHECK(policy.next(now).endpoint == 0);
}

TEST_CASE("Retry-After is a minimum for that server, ten minutes at most") {
    auto policy = policy_of(1);
    policy.on_failed(0, answered(503, 20), start);
    CHECK(policy.next(start).at >= start + 20s);
    CHECK(policy.next(start).at <= start + 21s);
    policy.on_failed(0, answered(429, 1'000'000), start);
    CHECK(policy.next(start).at >= start + 10min);
    CHECK(policy.next(start).at <= start + 11min);

    auto two = policy_of(2);
    two.on_failed(0, answered(503, 20), start);
    Time now = start;
    CHECK(next_step(two, now).endpoint == 1);
    CHECK(now - start <= 250ms);
}

TEST_CASE("a refusal that cannot pass is loud once and asked again slowly") {
    auto policy = policy_of(1);
    Time now = start;
    for (int i = 0; i < 5; ++i) {
        const auto verdict = policy.on_failed(0, answered(400), now);
        CHECK(verdict.permanent);
        CHECK(verdict.loud == (i == 0));
        CHECK(policy.standing(0).permanent);
        const auto at = policy.next(now).at;
        CHECK(at >= now + 4min);
        CHECK(at <= now + 6min);
        now = at;
    }
    // Another answer is news.
    CHECK(policy.on_failed(0, answered(403), now).loud);
    // So is the same one after it had worked.
    policy.on_connected(0, now);
    policy.on_disconnected(false, now);
    CHECK_FALSE(policy.standing(0).permanent);
    CHECK(policy.on_failed(0, answered(403), now).loud);
}

TEST_CASE("only answers that blame the request are permanent") {
    for (const unsigned status : {400U, 401U, 403U, 404U, 410U, 426U}) {
        INFO(status);
        CHECK(is_permanent(status));
    }
    for (const unsigned status : {200U, 301U, 408U, 425U, 429U, 500U, 502U, 503U}) {
        INFO(status);
        CHECK_FALSE(is_permanent(status));
    }
}

TEST_CASE("a certificate that does not verify is loud once, with ordinary delays") {
    auto policy = policy_of(1);
    const auto first = policy.on_failed(0, tls(), start);
    CHECK(first.loud);
    CHECK_FALSE(first.permanent);
    CHECK_FALSE(policy.on_failed(0, tls(), start).loud);
    CHECK(policy.next(start).at <= start + 500ms);
    policy.on_connected(0, start);
    policy.on_disconnected(false, start);
    CHECK(policy.on_failed(0, tls(), start).loud);
}

TEST_CASE("a server that refuses for good does not keep the others from their turns") {
    auto policy = policy_of(3);
    Time now = start;
    policy.on_failed(0, answered(400), now);
    std::vector<int> attempts(3, 0);
    while (true) {
        const auto attempt = next_step(policy, now);
        if (now - start > 4min) break;
        ++attempts[attempt.endpoint];
        policy.on_failed(attempt.endpoint, away(), now);
    }
    CHECK(attempts[0] == 0);
    CHECK(attempts[1] >= 10);
    CHECK(attempts[2] >= 10);
}

TEST_CASE("while a lesser server is read the preferred one is due after a while that doubles") {
    auto policy = policy_of(2);
    Time now = start;
    policy.on_failed(0, away(), now);
    policy.on_connected(1, now);
    policy.on_progress();
    auto wait = 5min;
    for (int i = 0; i < 6; ++i) {
        REQUIRE(policy.preferred_due());
        CHECK(*policy.preferred_due() == now + std::min<std::chrono::minutes>(wait, 60min));
        now = *policy.preferred_due();
        policy.on_failed(0, away(), now);  // beside the connection that stands
        wait = wait * 2;
    }
    // The lesser one is still the one to go back to.
    policy.on_disconnected(false, now);
    CHECK(policy.next(now).endpoint == 1);
    policy.on_connected(0, now);
    CHECK_FALSE(policy.preferred_due());
    policy.on_progress();
    policy.on_disconnected(false, now);
    policy.on_connected(1, now);
    CHECK(*policy.preferred_due() == now + 5min);
}

TEST_CASE("a lesser server that breaks off when the preferred one is due gives way to it") {
    auto policy = policy_of(3);
    Time now = start;
    policy.on_failed(0, away(), now);
    policy.on_connected(1, now);
    policy.on_progress();
    now += 5min;
    policy.on_disconnected(false, now);
    CHECK(policy.next(now).endpoint == 0);
}

TEST_CASE("the preferred server is not tried before the time that it asked for") {
    auto policy = policy_of(2);
    policy.on_failed(0, answered(503, 590), start);
    policy.on_connected(1, start);
    REQUIRE(policy.preferred_due());
    CHECK(*policy.preferred_due() >= start + 590s);
}
