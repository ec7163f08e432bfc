#include "sim/disorder.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace subcults::sim;

namespace {

struct Outcome {
    std::vector<std::int64_t> order;  // by time, which counts the frames as they went in
    std::size_t moved = 0;
    std::size_t repeated = 0;
};

std::vector<std::shared_ptr<const Frame>> frames(std::size_t count, std::size_t dids) {
    std::vector<std::shared_ptr<const Frame>> made;
    for (std::size_t i = 0; i < count; ++i) {
        Frame frame;
        frame.did = "did:plc:" + std::to_string(i * 7 % dids);
        frame.time_us = static_cast<std::int64_t>(i);
        made.push_back(std::make_shared<const Frame>(std::move(frame)));
    }
    return made;
}

Outcome shuffled(const std::vector<std::shared_ptr<const Frame>>& in, std::uint64_t seed,
                 std::size_t window, unsigned repeats) {
    Disorder disorder(seed, window, repeats);
    Outcome outcome;
    std::map<std::string, std::int64_t> newest;
    std::size_t at = 0;
    for (;;) {
        while (disorder.wants_more() && at < in.size())
            disorder.push(in[at++]);
        if (disorder.empty()) break;
        const Disorder::Picked picked = disorder.pop();
        outcome.moved += picked.moved ? 1 : 0;
        outcome.repeated += picked.repeated ? 1 : 0;
        auto [last, first_time] = newest.try_emplace(picked.frame->did, picked.frame->time_us);
        // Within one account, time never goes back; only a repeat stands still.
        if (!first_time) {
            if (picked.repeated) CHECK(picked.frame->time_us == last->second);
            if (!picked.repeated) CHECK(picked.frame->time_us > last->second);
            last->second = picked.frame->time_us;
        }
        outcome.order.push_back(picked.frame->time_us);
    }
    return outcome;
}

}  // namespace

TEST_CASE("A shuffle changes the order across accounts, never within one, and loses nothing") {
    const auto in = frames(2'000, 40);
    const Outcome outcome = shuffled(in, 7, 32, 3);
    CHECK(outcome.moved > 1'000);
    CHECK(outcome.repeated > 20);
    CHECK(outcome.order.size() == in.size() + outcome.repeated);
    const std::set<std::int64_t> distinct(outcome.order.begin(), outcome.order.end());
    CHECK(distinct.size() == in.size());
    std::size_t back = 0;
    for (std::size_t i = 1; i < outcome.order.size(); ++i)
        back += outcome.order[i] < outcome.order[i - 1] ? 1 : 0;
    CHECK(back > 500);
}

TEST_CASE("A shuffle is the same for the same seed and another for another one") {
    const auto in = frames(500, 20);
    CHECK(shuffled(in, 1, 16, 5).order == shuffled(in, 1, 16, 5).order);
    CHECK(shuffled(in, 1, 16, 5).order != shuffled(in, 2, 16, 5).order);
}

TEST_CASE("No frame overtakes more than its window holds") {
    const auto in = frames(1'000, 1'000);
    const Outcome outcome = shuffled(in, 3, 8, 0);
    for (std::size_t i = 0; i < outcome.order.size(); ++i) {
        CHECK(outcome.order[i] < static_cast<std::int64_t>(i) + 8);
    }
}

TEST_CASE("Frames of one account only come out as they went in") {
    const auto in = frames(100, 1);
    const Outcome outcome = shuffled(in, 3, 16, 0);
    CHECK(outcome.moved == 0);
    CHECK(outcome.order.size() == 100);
    CHECK(std::is_sorted(outcome.order.begin(), outcome.order.end()));
}
