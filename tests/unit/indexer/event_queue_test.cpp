#include "items.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::indexer;
using subcults::test::commit;

namespace {

QueueLimits small() {
    QueueLimits limits;
    limits.pause_events = 4;
    limits.resume_events = 1;
    return limits;
}

}  // namespace

TEST_CASE("reading stops at the upper mark and goes on at the lower one") {
    EventQueue queue(small());
    int resumed = 0;
    queue.on_resume([&resumed] { ++resumed; });
    CHECK(queue.push(commit({})));
    CHECK(queue.push(commit({})));
    CHECK(queue.push(commit({})));
    CHECK_FALSE(queue.push(commit({})));
    CHECK(queue.paused());
    CHECK(queue.take(2).size() == 2);
    CHECK(queue.paused());
    CHECK(resumed == 0);
    CHECK(queue.take(1).size() == 1);
    CHECK_FALSE(queue.paused());
    CHECK(resumed == 1);
}

TEST_CASE("bytes stop reading as well as events do") {
    QueueLimits limits;
    limits.pause_bytes = 9'500;
    limits.resume_bytes = 2'000;
    EventQueue queue(limits);
    subcults::test::CommitFields big;
    big.record = "{\"name\":\"" + std::string(9'000, 'x') + "\"}";
    CHECK(queue.push(commit({})));
    CHECK_FALSE(queue.push(commit(big)));
    CHECK(queue.bytes() > 9'000);
    CHECK(queue.take(10).size() == 2);
    CHECK(queue.bytes() == 0);
    CHECK_FALSE(queue.paused());
}

TEST_CASE("the writer is woken when the queue stops being empty, not for each item") {
    EventQueue queue(small());
    int woken = 0;
    queue.on_items([&woken] { ++woken; });
    (void)queue.push(commit({}));
    (void)queue.push(commit({}));
    CHECK(woken == 1);
    queue.take(10);
    (void)queue.push(commit({}));
    CHECK(woken == 2);
}

TEST_CASE("a batch is of one server only") {
    EventQueue queue(QueueLimits{});
    subcults::test::CommitFields other;
    other.endpoint = 1;
    (void)queue.push(commit({}));
    (void)queue.push(commit({}));
    (void)queue.push(commit(other));
    CHECK(queue.take(10).size() == 2);
    CHECK(queue.take(10).front().endpoint == 1);
}

TEST_CASE("a mark behind the last item is handed out once the queue is empty, and once") {
    EventQueue queue(QueueLimits{});
    TrailingMark mark;
    mark.watermark.time_us = 5;
    (void)queue.push(commit({}));
    queue.advance(mark);
    CHECK_FALSE(queue.take_trailing());
    queue.take(1);
    REQUIRE(queue.take_trailing());
    CHECK_FALSE(queue.take_trailing());

    queue.advance(mark);
    (void)queue.push(commit({}));  // is further on than the mark
    queue.take(1);
    CHECK_FALSE(queue.take_trailing());
}

TEST_CASE("starting over ends a pause and forgets everything") {
    EventQueue queue(small());
    bool resumed = false;
    queue.on_resume([&resumed] { resumed = true; });
    for (int i = 0; i < 4; ++i)
        (void)queue.push(commit({}));
    CHECK(queue.restart() == 1);
    CHECK(resumed);
    CHECK(queue.size() == 0);
    CHECK(queue.bytes() == 0);
    CHECK_FALSE(queue.oldest_time_us());
}

TEST_CASE("what an earlier stream still pushes is dropped, its positions too") {
    EventQueue queue(small());
    QueueItem late = commit({});
    TrailingMark late_mark;
    late_mark.watermark.time_us = 99;
    const std::uint64_t stream = queue.restart();
    CHECK(queue.push(std::move(late)));
    queue.advance(late_mark);
    CHECK(queue.size() == 0);
    CHECK_FALSE(queue.take_trailing());

    QueueItem present = commit({});
    present.stream = stream;
    CHECK(queue.push(std::move(present)));
    CHECK(queue.size() == 1);
}

TEST_CASE("a batch is limited in bytes too, but one large event passes") {
    EventQueue queue(QueueLimits{});
    subcults::test::CommitFields big;
    big.record = "{\"name\":\"" + std::string(9'000, 'x') + "\"}";
    for (int i = 0; i < 3; ++i)
        (void)queue.push(commit(big));
    CHECK(queue.take(10, 20'000).size() == 2);
    CHECK(queue.take(10, 100).size() == 1);
    CHECK(queue.bytes() == 0);
}
