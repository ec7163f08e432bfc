// What promises thread safety, used from many threads at once; also run under ThreadSanitizer.
#include "base/crypto.hpp"
#include "base/log.hpp"
#include "base/uuid.hpp"

#include <catch2/catch.hpp>

#include <rapidjson/document.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <atomic>
#include <sstream>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

using namespace subcults;

namespace {

constexpr int thread_count = 8;

template <class Body>
void in_threads(Body body) {
    std::vector<std::thread> threads;
    for (int i = 0; i < thread_count; ++i) {
        threads.emplace_back(body, i);
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

}  // namespace

TEST_CASE("version 7 UUIDs are unique across threads") {
    constexpr int per_thread = 20'000;
    std::vector<std::vector<Uuid>> made(thread_count);
    in_threads([&made](int thread) {
        auto& mine = made[static_cast<std::size_t>(thread)];
        mine.reserve(per_thread);
        for (int i = 0; i < per_thread; ++i) {
            mine.push_back(uuid_v7());
        }
    });
    std::unordered_set<Uuid, UuidHash> all;
    for (const auto& ids : made) {
        all.insert(ids.begin(), ids.end());
    }
    CHECK(all.size() == static_cast<std::size_t>(thread_count) * per_thread);
}

TEST_CASE("digests, MACs and name-based UUIDs are the same from every thread") {
    const Digest256 digest = sha256("message");
    const Digest256 mac = hmac_sha256("key", "message");
    const Uuid id = uuid_v5(uuid_namespace_url, "message");
    std::atomic<int> wrong{0};
    in_threads([&](int) {
        for (int i = 0; i < 2'000; ++i) {
            if (sha256("message") != digest || hmac_sha256("key", "message") != mac ||
                uuid_v5(uuid_namespace_url, "message") != id) {
                ++wrong;
            }
        }
    });
    CHECK(wrong == 0);
}

TEST_CASE("lines from many threads do not mix") {
    std::ostringstream out;
    Log log("unit", LogLevel::info,
            std::make_shared<spdlog::logger>(
                "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out)));
    in_threads([&log](int thread) {
        const std::string filler(static_cast<std::size_t>(thread) * 100, 'x');
        for (int i = 0; i < 500; ++i) {
            log.info("event", {{"thread", thread}, {"i", i}, {"filler", filler}});
        }
    });
    std::istringstream lines(out.str());
    int good = 0;
    for (std::string line; std::getline(lines, line);) {
        rapidjson::Document document;
        document.Parse(line.c_str());
        if (!document.HasParseError() && document.HasMember("filler")) ++good;
    }
    CHECK(good == thread_count * 500);
}

TEST_CASE("of many threads one writes per interval and no refusal is lost") {
    LogLimit limit(std::chrono::milliseconds{10});
    std::atomic<std::uint64_t> allowed{0};
    std::atomic<std::uint64_t> reported{0};
    constexpr std::uint64_t per_thread = 20'000;
    const auto start = std::chrono::steady_clock::time_point(std::chrono::hours(1));
    in_threads([&](int) {
        for (std::uint64_t i = 0; i < per_thread; ++i) {
            std::uint64_t held_back = 0;
            if (limit.allow(held_back, start + std::chrono::microseconds(i))) {
                ++allowed;
                reported += held_back;
            }
        }
    });
    // 20 ms of simulated time in intervals of 10 ms, the first one starting at once.
    CHECK(allowed == 2);
    std::uint64_t held_back = 0;
    CHECK(limit.allow(held_back, start + std::chrono::hours(1)));
    CHECK(allowed + reported + held_back == thread_count * per_thread);
}
