#include "items.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <condition_variable>
#include <thread>

using namespace subcults;
using namespace subcults::indexer;

TEST_CASE("nothing is lost or reordered between reader and writer while pauses come and go") {
    constexpr std::int64_t total = 20'000;
    constexpr std::int64_t first = 1'783'175'888'000'000;
    QueueLimits limits;
    limits.pause_events = 64;
    limits.resume_events = 8;
    EventQueue queue(limits);

    std::mutex mutex;
    std::condition_variable changed;
    queue.on_items([&] { changed.notify_all(); });
    queue.on_resume([&] { changed.notify_all(); });

    std::atomic<std::size_t> most{0};
    std::thread reader([&] {
        for (std::int64_t i = 0; i < total; ++i) {
            subcults::test::CommitFields fields;
            fields.time_us = first + i;
            if (!queue.push(subcults::test::commit(fields))) {
                std::unique_lock lock(mutex);
                changed.wait_for(lock, std::chrono::milliseconds(5),
                                 [&] { return !queue.paused(); });
                while (queue.paused()) {
                    changed.wait_for(lock, std::chrono::milliseconds(1));
                }
            }
            most = std::max(most.load(), queue.size());
        }
    });

    std::int64_t expected = first;
    bool in_order = true;
    while (expected < first + total) {
        const auto items = queue.take(10);
        if (items.empty()) {
            std::unique_lock lock(mutex);
            changed.wait_for(lock, std::chrono::milliseconds(1));
        }
        for (const QueueItem& item : items)
            in_order = in_order && item.time_us() == expected++;
    }
    reader.join();
    CHECK(in_order);
    CHECK(queue.size() == 0);
    CHECK(most <= 64);
}
