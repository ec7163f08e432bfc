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

TEST_CASE("who was looked at a moment ago is not stale before a minute is over") {
    for (const bool uplink : {true, false}) {
        Room room;
        room.report("a", {5, 0, uplink});
        CHECK(room.collect({"a"}).stale.empty());
        CHECK(room.collect({"a"}).stale.empty());
        CHECK(room.collect({"a"}, UnixMicros{now.value + 55 * second}).stale.empty());
        const Collected later = room.collect({"a"}, UnixMicros{now.value + 56 * second});
        CHECK(later.stale == Names{"a"});
        CHECK(later.missing.empty());
    }
    // An old window that comes now takes nothing from that.
    Room both;
    both.report("a", {5, 0, true});
    CHECK(both.collect({"a"}).stale.empty());
    both.report("a", {300, 0, false, true});
    const Collected backlog = both.collect({"a"});
    CHECK(backlog.measurements.size() == 1);
    CHECK(backlog.stale.empty());
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

TEST_CASE("a window that came in time and is collected a minute too late is late") {
    const auto collect = [](std::int64_t seconds_later) {
        Room room;
        for (const std::int64_t ago : {14, 12, 10})
            room.report("a", {ago, 80});
        return room.collect({"a"}, UnixMicros{now.value + seconds_later * second});
    };
    const Collected late = collect(51);
    REQUIRE(late.measurements.size() == 1);
    CHECK(late.measurements[0].window.late);
    CHECK(late.alerts == 0);
    CHECK(late.episodes.empty());
    CHECK(late.stale == Names{"a"});
    const Collected in_time = collect(46);
    REQUIRE(in_time.measurements.size() == 1);
    CHECK_FALSE(in_time.measurements[0].window.late);
    CHECK(in_time.alerts == 1);
    CHECK(in_time.episodes.size() == 1);
    CHECK(in_time.stale.empty());
    // The newest of them counts by itself.
    const Collected half = collect(50);
    CHECK(half.alerts == 1);
    CHECK(half.episodes.empty());
    CHECK(half.stale.empty());
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

TEST_CASE("of somebody who is muted, what is heard counts before what is sent") {
    for (const bool heard_first : {true, false}) {
        Room room;
        Window sent = made({5, 1, true});
        Window heard = made({5, 2, false});
        sent.muted = true;
        sent.seq = heard_first ? 2 : 1;
        heard.seq = heard_first ? 1 : 2;
        room.windows["a"] = {sent, heard};
        const Collected collected = room.collect({"a"});
        REQUIRE(collected.measurements.size() == 1);
        CHECK_FALSE(collected.measurements[0].window.uplink);
        CHECK(collected.progress.size() == 2);
    }
    // What is newer counts all the same.
    Room room;
    Window sent = made({4, 1, true});
    sent.muted = true;
    room.windows["a"] = {sent, made({5, 2, false})};
    CHECK(room.collect({"a"}).measurements[0].window.uplink);
}

TEST_CASE("three poor windows in a row begin an episode, three good ones end it") {
    Room room;
    std::vector<std::string> told;
    std::int64_t ago = 50;
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

TEST_CASE("windows without loss, jitter and round trip neither end an episode nor break a row") {
    Room room;
    std::int64_t ago = 50;
    const auto report = [&](std::optional<double> loss) {
        Window window = made({ago--});
        window.values = Values();
        window.values.bitrate_kbps = 32;
        window.values.audio_level = 0.1;
        window.values.packet_loss_percent = loss;
        room.windows["a"].push_back(window);
        return room.collect({"a"}).episodes;
    };
    CHECK(report(50).empty());
    CHECK(report(50).empty());
    CHECK(report(std::nullopt).empty());
    const auto began = report(50);
    REQUIRE(began.size() == 1);
    CHECK(began[0].began);
    for (int i = 0; i < 5; ++i)
        CHECK(report(std::nullopt).empty());
    CHECK(report(0).empty());
    CHECK(report(0).empty());
    CHECK(report(std::nullopt).empty());
    const auto ended = report(0);
    REQUIRE(ended.size() == 1);
    CHECK_FALSE(ended[0].began);
}

TEST_CASE("poor windows with a hole of more than a minute between them are not in a row") {
    // Two poor windows, then a third so many seconds later.
    const auto begins_after = [](std::int64_t hole) {
        Room room;
        room.report("a", {20, 50});
        room.report("a", {10, 50});
        CHECK(room.collect({"a"}).episodes.empty());
        room.report("a", {10 - hole, 50});
        return !room.collect({"a"}, UnixMicros{now.value + hole * second}).episodes.empty();
    };
    CHECK(begins_after(10));
    CHECK(begins_after(70));  // the window's own ten seconds, and a minute
    CHECK_FALSE(begins_after(71));
    CHECK_FALSE(begins_after(3'600));
    // It begins the count anew and does not stop it.
    Room room;
    for (const std::int64_t ago : {20, 10})
        room.report("a", {ago, 50});
    CHECK(room.collect({"a"}).episodes.empty());
    for (const std::int64_t ago : {-580, -590, -600})
        room.report("a", {ago, 50});
    CHECK(room.collect({"a"}, UnixMicros{now.value + 600 * second}).episodes.size() == 1);
}

TEST_CASE("late windows leave a hole in a row") {
    Room room;
    room.report("a", {20, 50});
    room.report("a", {10, 50});
    CHECK(room.collect({"a"}).episodes.empty());
    // As after some minutes offline.
    const std::int64_t offline = 300;
    for (std::int64_t after = 0; after < offline - 60; after += 10)
        room.report("a", {-after, 0, true, true});
    room.report("a", {-offline, 50});
    const UnixMicros back{now.value + offline * second};
    const Collected collected = room.collect({"a"}, back);
    CHECK(collected.episodes.empty());
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
    const UnixMicros later{now.value + 57 * second};
    const Collected again = collect_windows({entry}, reported, collected.progress, later);
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
