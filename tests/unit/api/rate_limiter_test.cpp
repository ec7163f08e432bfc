#include "http/rate_limiter.hpp"
#include "http/rate_limit.hpp"

#include "fake_request.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <set>
#include <string>

using namespace subcults;
using namespace subcults::api;
using namespace std::chrono_literals;

namespace {

const Deadline start = Deadline{} + 1000h;

std::array<RateLimit, limit_class_count> limits(RateLimit general, RateLimit joins = {}) {
    return {general, joins, RateLimit{}};
}

int taken(RateLimiter& limiter, LimitClass limit_class, std::string_view caller, Deadline now,
          int attempts) {
    int allowed = 0;
    for (int i = 0; i < attempts; ++i)
        allowed += limiter.take(limit_class, caller, now).allowed ? 1 : 0;
    return allowed;
}

}  // namespace

TEST_CASE("a quiet caller may send its burst at once and then as much as refills") {
    RateLimiter limiter(limits({10, 0}), 1);
    CHECK(taken(limiter, LimitClass::general, "a", start, 25) == 10);
    CHECK(taken(limiter, LimitClass::general, "a", start + 5999ms, 1) == 0);
    CHECK(taken(limiter, LimitClass::general, "a", start + 6s, 5) == 1);
    CHECK(taken(limiter, LimitClass::general, "a", start + 66s, 50) == 10);
    CHECK(taken(limiter, LimitClass::general, "a", start + 1h, 50) == 10);
}

TEST_CASE("within any minute no more passes than a burst and a minute's worth") {
    RateLimiter limiter(limits({10, 0}), 1);
    int first_minute = 0;
    for (int tenth = 0; tenth < 600; ++tenth)
        first_minute += taken(limiter, LimitClass::general, "a", start + tenth * 100ms, 1);
    CHECK(first_minute == 19);
    int second_minute = 0;
    for (int tenth = 600; tenth < 1200; ++tenth)
        second_minute += taken(limiter, LimitClass::general, "a", start + tenth * 100ms, 1);
    CHECK(second_minute == 10);
}

TEST_CASE("a burst of its own bounds what comes at once, not what comes in the long run") {
    RateLimiter limiter(limits({60, 3}), 1);
    CHECK(taken(limiter, LimitClass::general, "a", start, 10) == 3);
    int allowed = 0;
    for (int tenth = 1; tenth <= 600; ++tenth)
        allowed += taken(limiter, LimitClass::general, "a", start + tenth * 100ms, 1);
    CHECK(allowed == 60);
}

TEST_CASE("what a verdict announces is what then happens") {
    RateLimiter limiter(limits({10, 4}), 1);
    for (std::int64_t left = 3; left >= 0; --left) {
        const RateVerdict verdict = limiter.take(LimitClass::general, "a", start);
        CHECK(verdict.allowed);
        CHECK(verdict.limit == 4);
        CHECK(verdict.remaining == left);
        CHECK(verdict.full_in == (4 - left) * 6s);
        CHECK(verdict.retry_in == 0s);
    }
    const RateVerdict refused = limiter.take(LimitClass::general, "a", start + 1s);
    CHECK_FALSE(refused.allowed);
    CHECK(refused.remaining == 0);
    CHECK(refused.retry_in == 5s);
    CHECK(refused.full_in == 23s);
    CHECK_FALSE(
        limiter.take(LimitClass::general, "a", start + 1s + refused.retry_in - 1ns).allowed);
    CHECK(limiter.take(LimitClass::general, "a", start + 1s + refused.retry_in).allowed);
}

TEST_CASE("callers and classes do not share buckets") {
    RateLimiter limiter(limits({5, 0}, {2, 0}), 1);
    std::array<RateLimit, limit_class_count> each{};
    for (std::size_t i = 0; i < limit_class_count; ++i)
        each[i] = RateLimit{static_cast<unsigned>(i) + 1, 0};
    RateLimiter all(each, 1);
    for (std::size_t i = 0; i < limit_class_count; ++i) {
        const int most = static_cast<int>(i) + 1;
        CHECK(taken(all, static_cast<LimitClass>(i), "a", start, 9) == most);
    }
    CHECK(taken(limiter, LimitClass::general, "a", start, 9) == 5);
    CHECK(taken(limiter, LimitClass::general, "b", start, 9) == 5);
    CHECK(taken(limiter, LimitClass::joins, "a", start, 9) == 2);
    CHECK(taken(limiter, LimitClass::general, "", start, 9) == 5);
}

TEST_CASE("a class without a limit lets everything pass and says nothing") {
    RateLimiter limiter(limits({0, 0}), 1);
    CHECK_FALSE(limiter.enabled(LimitClass::general));
    CHECK(taken(limiter, LimitClass::general, "a", start, 1000) == 1000);
    CHECK(limiter.take(LimitClass::general, "a", start).limit == 0);
}

TEST_CASE("a clock that seems to go back gives nothing away") {
    RateLimiter limiter(limits({10, 0}), 1);
    CHECK(taken(limiter, LimitClass::general, "a", start, 10) == 10);
    CHECK(taken(limiter, LimitClass::general, "a", start - 1s, 10) == 0);
}

TEST_CASE("a flood of other callers does not make the limiter forget who has used up its tokens") {
    constexpr std::size_t slots = 16 * 1024;
    RateLimiter limiter(limits({60, 10}), 42, slots);
    // One caller in eight slots has nothing left.
    constexpr int exhausted = slots / 8;
    for (int i = 0; i < exhausted; ++i) {
        REQUIRE(taken(limiter, LimitClass::general, "bad" + std::to_string(i), start, 11) == 10);
    }
    // Ten times as many callers as there are slots, each of which still has most of its tokens.
    for (std::size_t i = 0; i < 10 * slots; ++i)
        limiter.take(LimitClass::general, "crowd" + std::to_string(i), start + 10ms);
    int forgotten = 0;
    for (int i = 0; i < exhausted; ++i) {
        forgotten +=
            taken(limiter, LimitClass::general, "bad" + std::to_string(i), start + 20ms, 1);
    }
    CHECK(forgotten == 0);
}

TEST_CASE("without debts nobody is ever limited by the flood of others") {
    RateLimiter limiter(limits({60, 10}), 42, 1024);
    int refused = 0;
    for (int i = 0; i < 100'000; ++i) {
        refused += limiter.take(LimitClass::general, std::to_string(i), start).allowed ? 0 : 1;
    }
    CHECK(refused == 0);
}

TEST_CASE("a tiny table still works") {
    RateLimiter limiter(limits({10, 0}), 7, 1);
    CHECK(taken(limiter, LimitClass::general, "a", start, 20) == 10);
    for (int i = 0; i < 1000; ++i)
        limiter.take(LimitClass::general, std::to_string(i), start);
    CHECK(taken(limiter, LimitClass::general, "a", start, 20) == 0);
}

TEST_CASE("a verdict becomes headers, and a 429 when it is a refusal") {
    constexpr std::int64_t wall = 1'769'653'800'000'000'001;
    test::FakeRequest request;
    request.request_id = "r-1";
    RateVerdict verdict;
    verdict.limit = 10;
    verdict.remaining = 9;
    verdict.full_in = 6s;
    CHECK_FALSE(announce(verdict, request, wall).has_value());
    CHECK(request.answer_header("X-RateLimit-Limit") == "10");
    CHECK(request.answer_header("X-RateLimit-Remaining") == "9");
    CHECK(request.answer_header("X-RateLimit-Reset") == "1769653807");  // rounded up

    verdict.allowed = false;
    verdict.remaining = 0;
    verdict.retry_in = 5001ms;
    const auto refusal = announce(verdict, request, wall);
    REQUIRE(refusal.has_value());
    CHECK(refusal->status == 429);
    CHECK(refusal->body.find("\"rate_limited\"") != std::string::npos);
    REQUIRE(refusal->headers.size() == 1);
    CHECK(refusal->headers[0].second == "6");
    CHECK(request.answer_header("X-RateLimit-Remaining") == "0");

    verdict.retry_in = 1ns;
    CHECK(announce(verdict, request, wall)->headers[0].second == "1");
}
