#include "jetstream/recent_set.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <string>
#include <unordered_set>

using namespace subcults::jetstream;

namespace {

EventView commit(std::string_view did, std::string_view rkey, std::string_view rev) {
    EventView event;
    event.did = did;
    event.collection = "tv.subcult.scene";
    event.rkey = rkey;
    event.rev = rev;
    return event;
}

}  // namespace

TEST_CASE("An event is recognised when it comes again") {
    RecentSet recent(16);
    const EventView event = commit("did:plc:a", "one", "3mptbypluud2a");
    CHECK_FALSE(recent.seen_before(event));
    CHECK(recent.seen_before(event));
    CHECK(recent.size() == 1);
}

TEST_CASE("Events that differ in any part of their key are different") {
    RecentSet recent(16);
    EventView event = commit("did:plc:a", "one", "3mptbypluud2a");
    CHECK_FALSE(recent.seen_before(event));
    event.did = "did:plc:b";
    CHECK_FALSE(recent.seen_before(event));
    event.rkey = "two";
    CHECK_FALSE(recent.seen_before(event));
    event.rev = "3mptbypluud2b";
    CHECK_FALSE(recent.seen_before(event));
    event.collection = "tv.subcult.event";
    CHECK_FALSE(recent.seen_before(event));
    event.operation = Operation::del;
    CHECK_FALSE(recent.seen_before(event));
    // What a server stamps anew on a replay is not part of it.
    event.time_us = 1'783'175'888'085'434;
    event.seq = 9;
    CHECK(recent.seen_before(event));
}

TEST_CASE("Parts of a key do not run into each other") {
    RecentSet recent(16);
    EventView first = commit("did:plc:a", "bc", "3mptbypluud2a");
    EventView second = commit("did:plc:ab", "c", "3mptbypluud2a");
    CHECK(recent.fingerprint(first) != recent.fingerprint(second));
}

TEST_CASE("Identity and account events are known by the relay's number and the time") {
    RecentSet recent(16);
    EventView event;
    event.kind = Kind::identity;
    event.did = "did:plc:a";
    event.upstream_seq = 1;
    CHECK_FALSE(recent.seen_before(event));
    CHECK(recent.seen_before(event));
    event.kind = Kind::account;
    CHECK_FALSE(recent.seen_before(event));
    event.upstream_seq = 2;
    CHECK_FALSE(recent.seen_before(event));
    event.time_us = 5;
    CHECK_FALSE(recent.seen_before(event));
}

TEST_CASE("Only the window is remembered, and exactly the window") {
    RecentSet recent(4);
    const auto event = [](int i) {
        static thread_local std::string rkey;
        rkey = std::to_string(i);
        return commit("did:plc:a", rkey, "3mptbypluud2a");
    };
    for (int i = 0; i < 5; ++i)
        CHECK_FALSE(recent.seen_before(event(i)));
    CHECK(recent.size() == 4);
    for (int i = 1; i < 5; ++i)
        CHECK(recent.seen_before(event(i)));
    CHECK_FALSE(recent.seen_before(event(0)));
    CHECK_FALSE(recent.seen_before(event(1)));
}

TEST_CASE("A full window agrees with a plain set over a long run of repeats") {
    constexpr std::size_t window = 97;
    RecentSet recent(window);
    std::unordered_set<std::string> members;
    std::deque<std::string> order;
    std::uint64_t state = 42;
    std::size_t repeats = 0;
    for (int i = 0; i < 50'000; ++i) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        const std::string rkey = std::to_string(state >> 56);
        const bool expected = members.count(rkey) == 1;
        REQUIRE(recent.seen_before(commit("did:plc:a", rkey, "3mptbypluud2a")) == expected);
        repeats += expected ? 1 : 0;
        if (expected) continue;
        if (order.size() == window) {
            members.erase(order.front());
            order.pop_front();
        }
        members.insert(rkey);
        order.push_back(rkey);
    }
    CHECK(repeats > 10'000);
    CHECK(recent.size() == window);
}

TEST_CASE("A window of nothing still holds one event") {
    RecentSet recent(0);
    const EventView event = commit("did:plc:a", "one", "3mptbypluud2a");
    CHECK(recent.window() == 1);
    CHECK_FALSE(recent.seen_before(event));
    CHECK(recent.seen_before(event));
}
