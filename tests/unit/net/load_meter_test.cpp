#include "net/load_meter.hpp"

#include "net/answer_headers.hpp"

#include <catch2/catch.hpp>

#include <optional>
#include <string>

using namespace subcults;
using namespace subcults::net;
using namespace std::chrono_literals;

namespace {

const Deadline start = Deadline{} + 1000h;

LoadMeter meter(std::size_t handlers, std::chrono::milliseconds lag) {
    LoadMeter::Limits limits;
    limits.handlers = handlers;
    limits.lag = lag;
    LoadMeter made(limits);
    made.expect_tick(start);
    made.tick(start);
    made.expect_tick(start + 100ms);
    return made;
}

}  // namespace

TEST_CASE("handlers are counted, and one too many is refused until another has ended") {
    LoadMeter load = meter(2, 0ms);
    const LoadMeter::Place first(load);
    CHECK_FALSE(load.verdict(start));
    {
        const LoadMeter::Place second(load);
        CHECK(load.handlers() == 2);
        CHECK(load.verdict(start) == ShedReason::concurrency);
    }
    CHECK_FALSE(load.verdict(start));
}

TEST_CASE("a loop whose timer is overdue is late before the timer has fired") {
    const LoadMeter load = meter(0, 250ms);
    CHECK_FALSE(load.verdict(start + 99ms));
    CHECK_FALSE(load.verdict(start + 350ms));
    CHECK(load.verdict(start + 351ms) == ShedReason::lag);
}

TEST_CASE("a measurement of lateness holds until the next one") {
    LoadMeter load = meter(0, 250ms);
    load.tick(start + 500ms);
    CHECK(load.verdict(start + 500ms) == ShedReason::lag);
    load.expect_tick(start + 600ms);
    CHECK(load.verdict(start + 590ms) == ShedReason::lag);
    load.tick(start + 601ms);
    CHECK_FALSE(load.verdict(start + 602ms));
    CHECK(load.lag(start + 602ms) == 1ms);
}

TEST_CASE("what happened before the loop ran is not held against it") {
    LoadMeter::Limits limits;
    limits.lag = 250ms;
    LoadMeter load(limits);
    load.expect_tick(start);
    CHECK_FALSE(load.verdict(start + 10s));
    load.tick(start + 10s);
    CHECK_FALSE(load.verdict(start + 10s));
}

TEST_CASE("a timer that fires early is not late") {
    LoadMeter load = meter(0, 250ms);
    load.tick(start + 50ms);
    CHECK(load.lag(start + 50ms) == 0ms);
}

TEST_CASE("without limits nothing is refused") {
    LoadMeter load = meter(0, 0ms);
    std::optional<LoadMeter::Place> places[100];
    for (auto& place : places)
        place.emplace(load);
    CHECK_FALSE(load.verdict(start + 1h));
}

TEST_CASE("headers of an answer: the last value of a name counts, and clearing forgets all") {
    AnswerHeaders headers;
    CHECK(headers.empty());
    headers.set("A", "1");
    headers.set("B", "2");
    headers.set("A", "3");
    std::string text;
    for (const auto& [name, value] : headers)
        text += std::string(name) + "=" + value + ";";
    CHECK(text == "A=3;B=2;");
    headers.clear();
    CHECK(headers.empty());
    headers.set("C", "4");
    CHECK(headers.begin()->value == "4");
    CHECK(headers.end() - headers.begin() == 1);
}
