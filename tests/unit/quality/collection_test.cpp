#include "quality/collection.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace subcults;
using namespace subcults::api::quality;

namespace {

const UnixMicros now{1'766'537'083'000'000};
constexpr std::int64_t second = 1'000'000;

struct Reported {
    std::int64_t seconds_ago = 0;
    double loss = 0;
    bool uplink = true;
    bool late = false;
};

Window made(const Reported& reported) {
    Window window;
    window.seq = 1'000 - reported.seconds_ago;
    window.measured_at = UnixMicros{now.value - reported.seconds_ago * second};
    window.window_ms = 10'000;
    window.uplink = reported.uplink;
    window.late = reported.late;
    window.values.packet_loss_percent = reported.loss;
    return window;
}

// A room whose participants report, collected as often as one likes.
struct Room {
    void report(const std::string& who, const Reported& reported) {
        windows[who].push_back(made(reported));
    }
    // Everything that was ever reported is offered again each time, as after a crash.
    Collected collect(const std::vector<std::string>& present, UnixMicros at = now) {
        std::vector<RosterEntry> roster;
        for (const std::string& who : present) {
            RosterEntry entry;
            entry.participant_id = who;
            roster.push_back(std::move(entry));
        }
        Collected collected = collect_windows(roster, windows, progress, at);
        for (const auto& [key, changed] : collected.progress)
            progress.insert_or_assign(key, changed);
        return collected;
    }
    std::map<std::string, std::vector<Window>> windows;
    ProgressMap progress;
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("the freshest window of each present participant becomes its measurement") {
    Room room;
    room.report("a", {5, 1});
    room.report("a", {25, 2});
    room.report("a", {15, 3});
    room.report("b", {8, 4});
    room.report("gone", {3, 50});
    const Collected collected = room.collect({"b", "a", "silent"});
    REQUIRE(collected.measurements.size() == 2);
    CHECK(collected.measurements[0].participant_id == "b");
    CHECK(collected.measurements[1].participant_id == "a");
    CHECK(collected.measurements[1].window.values.packet_loss_percent == 1.0);
    CHECK(collected.stale == Names());
    CHECK(collected.missing == Names{"silent"});
    CHECK(collected.alerts == 0);
}

TEST_CASE("a window is collected once, however often it is offered") {
    Room room;
    room.report("a", {5, 50});
    CHECK(room.collect({"a"}).alerts == 1);
    for (int i = 0; i < 3; ++i) {
        const Collected again = room.collect({"a"});
        CHECK(again.measurements.empty());
        CHECK(again.alerts == 0);
        CHECK(again.progress.empty());
        CHECK(again.stale == Names{"a"});
    }
    // What was measured before the last one that was looked at is not collected any more.
    room.report("a", {30, 50});
    CHECK(room.collect({"a"}).measurements.empty());
    room.report("a", {4, 0});
    CHECK(room.collect({"a"}).measurements.size() == 1);
}

TEST_CASE("who comes back is measured again") {
    Room room;
    room.report("a", {40});
    CHECK(room.collect({"a"}).measurements.size() == 1);
    CHECK(room.collect({}).measurements.empty());
    room.report("a", {5});
    const Collected back = room.collect({"a"});
    CHECK(back.measurements.size() == 1);
    CHECK(back.stale.empty());
}

TEST_CASE("late windows are measurements, but no poor samples and no news") {
    Room room;
    room.report("a", {300, 80, true, true});
    const Collected collected = room.collect({"a"});
    REQUIRE(collected.measurements.size() == 1);
    CHECK(collected.measurements[0].window.late);
    CHECK(collected.alerts == 0);
    CHECK(collected.stale == Names{"a"});
    CHECK(collected.missing.empty());
}

TEST_CASE("an old window that came in time counts, and its participant is stale") {
    Room room;
    room.report("a", {10, 80});
    const UnixMicros later{now.value + 51 * second};
    const Collected collected = room.collect({"a"}, later);
    CHECK(collected.measurements.size() == 1);
    CHECK(collected.alerts == 1);
    CHECK(collected.stale == Names{"a"});
    Room fresh;
    fresh.report("a", {10, 80});
    CHECK(fresh.collect({"a"}, UnixMicros{now.value + 50 * second}).stale.empty());
}

TEST_CASE("of both directions the newer window counts, of equals what is sent") {
    Room room;
    room.report("a", {10, 1, true});
    room.report("a", {5, 2, false});
    CHECK_FALSE(room.collect({"a"}).measurements[0].window.uplink);
    Room equal;
    equal.report("a", {5, 2, false});
    equal.report("a", {5, 1, true});
    const Collected collected = equal.collect({"a"});
    REQUIRE(collected.measurements.size() == 1);
    CHECK(collected.measurements[0].window.uplink);
    // Both have been looked at.
    CHECK(collected.progress.size() == 2);
    CHECK(equal.collect({"a"}).measurements.empty());
}

TEST_CASE("three poor windows in a row begin an episode, three good ones end it") {
    Room room;
    std::vector<std::string> told;
    std::int64_t ago = 500;
    const auto report = [&](double loss) {
        room.report("a", {ago--, loss});
        for (const EpisodeChange& change : room.collect({"a"}).episodes)
            told.emplace_back(change.began ? "began" : "ended");
    };
    report(50);
    report(50);
    report(0);  // not in a row
    report(50);
    report(50);
    CHECK(told.empty());
    report(50);
    CHECK(told == Names{"began"});
    for (int i = 0; i < 20; ++i)
        report(50);
    report(0);
    report(0);
    report(50);
    report(0);
    report(0);
    CHECK(told == Names{"began"});
    report(0);
    CHECK(told == Names{"began", "ended"});
    report(0);
    CHECK(told.size() == 2);
}

TEST_CASE("an episode is found within one collection as well as across several") {
    Room room;
    for (const std::int64_t ago : {9, 6, 3})
        room.report("a", {ago, 50});
    const Collected collected = room.collect({"a"});
    REQUIRE(collected.episodes.size() == 1);
    CHECK(collected.episodes[0].began);
    CHECK(collected.episodes[0].participant_id == "a");
    CHECK(collected.measurements.size() == 1);
    CHECK(collected.alerts == 1);
}

TEST_CASE("directions have episodes of their own") {
    Room room;
    for (const std::int64_t ago : {9, 6, 3}) {
        room.report("a", {ago, 50, true});
        room.report("a", {ago, 0, false});
    }
    const Collected collected = room.collect({"a"});
    REQUIRE(collected.episodes.size() == 1);
    CHECK(collected.episodes[0].uplink);
}

TEST_CASE("late windows neither begin nor end an episode") {
    Room room;
    for (const std::int64_t ago : {9, 6, 3})
        room.report("a", {ago, 50, true, true});
    CHECK(room.collect({"a"}).episodes.empty());
}

TEST_CASE("a window that came with the roster counts like one that was reported") {
    RosterEntry entry;
    entry.participant_id = "a";
    entry.window = made({4, 50});
    std::map<std::string, std::vector<Window>> reported;
    reported["a"].push_back(made({8, 0}));
    const Collected collected = collect_windows({entry}, reported, {}, now);
    REQUIRE(collected.measurements.size() == 1);
    CHECK(collected.measurements[0].window.values.packet_loss_percent == 50.0);
    CHECK(collected.alerts == 1);
    // The attribute stays where it is after the client has gone quiet.
    const Collected again = collect_windows({entry}, reported, collected.progress, now);
    CHECK(again.measurements.empty());
    CHECK(again.stale == Names{"a"});
}

TEST_CASE("an empty room has nothing to say") {
    Room room;
    room.report("a", {5});
    const Collected collected = room.collect({});
    CHECK(collected.measurements.empty());
    CHECK(collected.stale.empty());
    CHECK(collected.missing.empty());
    CHECK(collected.progress.empty());
}
