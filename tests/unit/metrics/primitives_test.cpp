#include "metrics/metric.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

using namespace subcults::metrics;

TEST_CASE("a counter starts at zero and adds up") {
    Counter counter;
    REQUIRE(counter.value() == 0);
    counter.increment();
    counter.increment(41);
    REQUIRE(counter.value() == 42);
}

TEST_CASE("a gauge goes up and down, a total adds fractions") {
    Gauge gauge;
    gauge.set(10);
    gauge.add(-2.5);
    REQUIRE(gauge.value() == 7.5);

    Total total;
    total.add(0.25);
    total.add(0.5);
    REQUIRE(total.value() == 0.75);
    total.set(12);
    REQUIRE(total.value() == 12);
}

TEST_CASE("a histogram's bounds are inclusive") {
    static constexpr std::array bounds{0.1, 1.0, 10.0};
    Histogram histogram(bounds);
    for (const double value : {0.1, 0.100001, 1.0, 10.0, 10.000001, -3.0}) {
        histogram.observe(value);
    }
    const auto snapshot = histogram.snapshot();
    REQUIRE(snapshot.cumulative == std::vector<std::uint64_t>{2, 4, 5, 6});
    REQUIRE(snapshot.count() == 6);
    REQUIRE(snapshot.sum == Approx(0.1 + 0.100001 + 1.0 + 10.0 + 10.000001 - 3.0));
}

TEST_CASE("a histogram ignores what is not a number or not finite") {
    static constexpr std::array bounds{1.0};
    Histogram histogram(bounds);
    histogram.observe(std::numeric_limits<double>::quiet_NaN());
    histogram.observe(std::numeric_limits<double>::infinity());
    histogram.observe(-std::numeric_limits<double>::infinity());
    histogram.observe(0.5, 0);
    REQUIRE(histogram.snapshot().count() == 0);
    REQUIRE(histogram.snapshot().sum == 0);
    histogram.observe(0.5);
    REQUIRE(histogram.snapshot().count() == 1);
    REQUIRE(histogram.snapshot().sum == 0.5);
}

TEST_CASE("an observation made several times at once counts as often") {
    static constexpr std::array bounds{1.0, 2.0};
    Histogram histogram(bounds);
    histogram.observe(1.5, 1000);
    const auto snapshot = histogram.snapshot();
    REQUIRE(snapshot.cumulative == std::vector<std::uint64_t>{0, 1000, 1000});
    REQUIRE(snapshot.sum == 1500.0);
}

TEST_CASE("histograms with any number of bounds keep their buckets apart") {
    // Around the size of a cache line, where the cells of a shard need another one.
    for (const std::size_t size : {1U, 6U, 7U, 8U, 9U, 15U, 16U, 17U}) {
        std::vector<double> bounds;
        for (std::size_t i = 0; i < size; ++i)
            bounds.push_back(static_cast<double>(i));
        Histogram histogram(bounds);
        for (std::size_t i = 0; i <= size; ++i)
            histogram.observe(static_cast<double>(i), i + 1);
        const auto snapshot = histogram.snapshot();
        REQUIRE(snapshot.cumulative.size() == size + 1);
        std::uint64_t expected = 0;
        for (std::size_t i = 0; i <= size; ++i) {
            expected += i + 1;
            REQUIRE(snapshot.cumulative[i] == expected);
        }
    }
}

TEST_CASE("a thread keeps its shard") {
    REQUIRE(this_thread_shard() == this_thread_shard());
    REQUIRE(this_thread_shard() < shard_count);
}
