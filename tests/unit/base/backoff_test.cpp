#include "base/backoff.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

using std::chrono::milliseconds;
using subcults::Backoff;
using subcults::BackoffPolicy;

TEST_CASE("the window doubles from 250 ms and stays at 30 s") {
    Backoff backoff(BackoffPolicy{}, 1);
    for (const std::int64_t expected :
         {250, 500, 1'000, 2'000, 4'000, 8'000, 16'000, 30'000, 30'000, 30'000}) {
        CHECK(backoff.window().count() == expected);
        const milliseconds delay = backoff.next();
        CHECK(delay.count() >= 0);
        CHECK(delay.count() <= expected);
    }
    CHECK(backoff.attempts() == 10);
}

TEST_CASE("a reset starts again with the smallest window") {
    Backoff backoff(BackoffPolicy{}, 1);
    for (int i = 0; i < 20; ++i) {
        backoff.next();
    }
    backoff.reset();
    CHECK(backoff.attempts() == 0);
    CHECK(backoff.window() == milliseconds{250});
}

TEST_CASE("the same seed gives the same delays") {
    Backoff backoff(BackoffPolicy{}, 42);
    // Worked out independently from the definition of splitmix64.
    for (const std::int64_t expected : {186, 80, 278, 688}) {
        CHECK(backoff.next().count() == expected);
    }
}

TEST_CASE("different seeds spread a crowd of clients") {
    std::vector<std::int64_t> delays;
    for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
        Backoff backoff(BackoffPolicy{milliseconds{30'000}, milliseconds{30'000}}, seed);
        delays.push_back(backoff.next().count());
    }
    std::sort(delays.begin(), delays.end());
    delays.erase(std::unique(delays.begin(), delays.end()), delays.end());
    CHECK(delays.size() > 950);
}

TEST_CASE("delays are uniform over the window, both ends included") {
    Backoff backoff(BackoffPolicy{milliseconds{9}, milliseconds{9}}, 7);
    std::array<int, 10> seen{};
    constexpr int draws = 100'000;
    for (int i = 0; i < draws; ++i) {
        ++seen.at(static_cast<std::size_t>(backoff.next().count()));
    }
    // Chi-squared with 9 degrees of freedom: 27.9 is passed by 99.9 % of uniform sources, and the
    // seed is fixed.
    double chi_squared = 0;
    for (const int count : seen) {
        const double expected = draws / 10.0;
        chi_squared += (count - expected) * (count - expected) / expected;
    }
    CHECK(chi_squared < 27.9);
}

TEST_CASE("extreme policies neither overflow nor hang") {
    Backoff huge(BackoffPolicy{milliseconds::max(), milliseconds::max()}, 3);
    for (int i = 0; i < 200; ++i) {
        CHECK(huge.window() == milliseconds::max());
        CHECK(huge.next().count() >= 0);
    }
    Backoff inverted(BackoffPolicy{milliseconds{500}, milliseconds{100}}, 3);
    CHECK(inverted.window() == milliseconds{100});
    Backoff none(BackoffPolicy{milliseconds{0}, milliseconds{0}}, 3);
    CHECK(none.next() == milliseconds{0});
    Backoff negative(BackoffPolicy{milliseconds{-5}, milliseconds{-1}}, 3);
    CHECK(negative.next() == milliseconds{0});
}
