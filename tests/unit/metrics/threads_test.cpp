#include "exposition_reader.hpp"

#include "metrics/catalogue.hpp"
#include "metrics/registry.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <exception>
#include <map>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

using namespace subcults;
using namespace subcults::metrics;

namespace {

constexpr int thread_count = 12;  // more than there are shards
#ifdef SUBCULTS_SANITIZED
constexpr std::uint64_t rounds = 5'000;
#else
constexpr std::uint64_t rounds = 100'000;
#endif

template <class Work>
void on_threads(Work work) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < thread_count; ++i)
        threads.emplace_back(work, i);
}

}  // namespace

TEST_CASE("sums over threads are exact") {
    static constexpr std::array bounds{1.0, 2.0, 4.0};
    Counter counter;
    Gauge gauge;
    Total total;
    Histogram histogram(bounds);
    on_threads([&](int) {
        for (std::uint64_t i = 0; i < rounds; ++i) {
            counter.increment();
            gauge.add(1);
            total.add(0.5);
            histogram.observe(static_cast<double>(i % 6));
        }
    });
    CHECK(counter.value() == thread_count * rounds);
    CHECK(gauge.value() == static_cast<double>(thread_count * rounds));
    CHECK(total.value() == static_cast<double>(thread_count * rounds) / 2);
    const auto snapshot = histogram.snapshot();
    std::uint64_t up_to_one = 0;
    double sum = 0;
    for (std::uint64_t i = 0; i < rounds; ++i) {
        up_to_one += i % 6 <= 1 ? 1 : 0;
        sum += static_cast<double>(i % 6);
    }
    CHECK(snapshot.count() == thread_count * rounds);
    CHECK(snapshot.cumulative.front() == thread_count * up_to_one);
    CHECK(snapshot.sum == thread_count * sum);
}

TEST_CASE("a snapshot is consistent and never goes back while others observe") {
    static constexpr std::array bounds{1.0, 2.0, 4.0};
    Histogram histogram(bounds);
    std::vector<std::jthread> observers;
    for (int i = 0; i < 3; ++i) {
        observers.emplace_back([&, i](std::stop_token stop) {
            double value = i;
            while (!stop.stop_requested()) {
                histogram.observe(value);
                value = value > 5 ? 0 : value + 0.5;
            }
        });
    }
    bool consistent = true;
    auto before = histogram.snapshot();
    for (int i = 0; i < 2'000; ++i) {
        const auto now = histogram.snapshot();
        for (std::size_t b = 0; b < now.cumulative.size(); ++b) {
            consistent = consistent && now.cumulative[b] >= before.cumulative[b];
            if (b > 0) consistent = consistent && now.cumulative[b] >= now.cumulative[b - 1];
        }
        consistent = consistent && now.count() == now.cumulative.back();
        before = now;
    }
    observers.clear();  // stops and joins
    CHECK(consistent);
    CHECK(histogram.snapshot().count() >= before.count());
}

TEST_CASE("series come and go while others render") {
    Registry registry(Scope::api);
    std::atomic<int> broken{0};
    std::jthread renderer([&](std::stop_token stop) {
        while (!stop.stop_requested()) {
            std::string text;
            registry.render(text);
            registry.Collect();
            try {
                test::read_exposition(text);
            } catch (const std::exception&) {
                ++broken;
            }
        }
    });
    on_threads([&](int thread) {
        for (std::uint64_t i = 0; i < rounds / 50; ++i) {
            const auto id = std::to_string(thread) + "-" + std::to_string(i % 20);
            registry.get(catalogue::stream_active_participants, {id}).set(1);
            registry.get(catalogue::stream_scene_joins_total, {std::to_string(i % 10)}).increment();
            registry.get(catalogue::http_requests_total, {"GET", "/streams", "200"}).increment();
            registry.remove(catalogue::stream_active_participants, {id});
        }
    });
    renderer.request_stop();
    renderer.join();
    CHECK(broken == 0);

    std::string text;
    registry.render(text);
    const auto read = test::read_exposition(text);
    CHECK_FALSE(read.has("stream_active_participants"));
    const std::map<std::string, std::string> labels = {
        {"method", "GET"}, {"route", "/streams"}, {"status", "200"}};
    CHECK(read.value("http_requests_total", labels) ==
          static_cast<double>(thread_count * (rounds / 50)));
    double joins = 0;
    for (const auto& sample : read.samples) {
        if (sample.name == "stream_scene_joins_total") joins += sample.value();
    }
    CHECK(joins == static_cast<double>(thread_count * (rounds / 50)));
}

TEST_CASE("what was counted before a rendering began is in it") {
    Registry registry(Scope::api);
    auto& joins = registry.get(catalogue::stream_joins_total);
    std::atomic<std::uint64_t> acknowledged{0};
    const std::jthread worker([&](std::stop_token stop) {
        while (!stop.stop_requested()) {
            joins.increment();
            acknowledged.fetch_add(1, std::memory_order_release);
        }
    });
    bool complete = true;
    for (int i = 0; i < 200; ++i) {
        const auto known = acknowledged.load(std::memory_order_acquire);
        std::string text;
        registry.render(text);
        const auto seen = test::read_exposition(text).value("stream_joins_total");
        complete = complete && seen >= static_cast<double>(known);
    }
    CHECK(complete);
}
