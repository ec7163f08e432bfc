#include "http/rate_limiter.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

using namespace subcults;
using namespace subcults::api;
using namespace std::chrono_literals;

TEST_CASE("a caller on many threads gets no more than its bucket holds") {
    constexpr int threads = 4;
    constexpr int callers = 64;
    constexpr int burst = 25;
    RateLimiter limiter({RateLimit{1, burst}, RateLimit{1, 7}, RateLimit{}}, 3);
    const Deadline now = Deadline{} + 1000h;
    std::atomic<int> general{0};
    std::atomic<int> joins{0};
    std::atomic<bool> begin{false};
    std::vector<std::thread> workers;
    for (int t = 0; t < threads; ++t) {
        workers.emplace_back([&] {
            while (!begin)
                std::this_thread::yield();
            for (int i = 0; i < callers * burst; ++i) {
                const std::string caller = std::to_string(i % callers);
                general += limiter.take(LimitClass::general, caller, now).allowed ? 1 : 0;
                joins += limiter.take(LimitClass::joins, caller, now).allowed ? 1 : 0;
            }
        });
    }
    begin = true;
    for (auto& worker : workers)
        worker.join();
    CHECK(general == callers * burst);
    CHECK(joins == callers * 7);
}
