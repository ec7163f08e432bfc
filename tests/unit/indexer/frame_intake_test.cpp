#include "source/frame_intake.hpp"

#include "metrics/registry.hpp"
#include "support/zstd_frames.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::indexer;

namespace {

constexpr std::int64_t stamp = 1'783'175'888'000'000;
constexpr std::int64_t second = 1'000'000;
constexpr unsigned dictionary_id = 77;

// Everything that an intake needs, with two servers.
struct Bench {
    explicit Bench(jetstream::Shard shard = {}, bool zstd = false)
        : intake(options(shard), decompressor(zstd), queue, counts, state, log) {
        queue.on_items([] {});
        StartPositions positions;
        positions.by_endpoint.resize(2);
        intake.restart(positions);
    }

    static IntakeOptions options(jetstream::Shard shard) {
        IntakeOptions made;
        made.hosts = {"one", "two"};
        made.collections = {"tv.subcult.*"};
        made.shard = shard;
        return made;
    }
    static std::optional<jetstream::FrameDecompressor> decompressor(bool zstd) {
        if (!zstd) return std::nullopt;
        auto made = jetstream::FrameDecompressor::make(test::make_zstd_dictionary(dictionary_id),
                                                       1024 * 1024);
        REQUIRE(made.has_value());
        return std::move(*made);
    }

    void connect(std::size_t endpoint = 0, bool compressed = false) {
        intake.begin(endpoint, intake.resume_at(endpoint), compressed);
    }
    Taken take(std::string frame, bool binary = false) {
        const std::size_t size = frame.size();
        frame.append(64, '\0');
        return intake.take(std::string_view(frame).substr(0, size), binary);
    }
    std::vector<QueueItem> taken() { return queue.take(1000); }

    metrics::Registry registry{metrics::Scope::indexer};
    IndexerMetrics counts{registry};
    IndexerState state;
    EventQueue queue{QueueLimits{}};
    Log log{"test", LogLevel::off};
    FrameIntake intake;
};

struct Fields {
    std::int64_t time_us = stamp;
    std::optional<std::int64_t> seq = {};
    std::string rkey = "r1";
    std::string did = "did:plc:z72i7hdynmk6r22z27h6tvur";
    std::string collection = "tv.subcult.scene";
};

std::string frame(const Fields& fields) {
    std::string text =
        R"({"did":")" + fields.did + R"(","time_us":)" + std::to_string(fields.time_us);
    if (fields.seq) text += R"(,"cursor":)" + std::to_string(*fields.seq);
    return text + R"(,"kind":"commit","commit":{"rev":"3mptbypluud2a","operation":"delete",)" +
           R"("collection":")" + fields.collection + R"(","rkey":")" + fields.rkey + "\"}}";
}

}  // namespace

TEST_CASE("without a position a connection begins live") {
    Bench bench;
    CHECK_FALSE(bench.intake.resume_at(0).cursor.has_value());
    CHECK_FALSE(bench.intake.resume_at(1).cursor.has_value());
}

TEST_CASE(
    "a connection that began live and brought nothing is followed by one from its beginning") {
    Bench bench;
    const std::int64_t before = now_micros().value;
    bench.connect();
    const auto cursor = bench.intake.resume_at(0).cursor;
    REQUIRE(cursor);
    CHECK(*cursor >= before - 10 * second);
    CHECK(*cursor <= now_micros().value - 10 * second);
    bench.connect();
    CHECK(bench.intake.resume_at(0).cursor == cursor);
    REQUIRE(bench.take(frame({.time_us = stamp})) == Taken::go_on);
    CHECK(bench.intake.resume_at(0).cursor == stamp - 5 * second);
}

TEST_CASE("the same server is asked five seconds back, another one ten") {
    Bench bench;
    bench.connect();
    CHECK(bench.take(frame({.time_us = stamp})) == Taken::go_on);
    CHECK(bench.intake.resume_at(0).cursor == stamp - 5 * second);
    CHECK(bench.intake.resume_at(1).cursor == stamp - 10 * second);
}

TEST_CASE("after a restart the newest committed position counts, wherever it is from") {
    Bench bench;
    StartPositions positions;
    positions.by_endpoint = {{stamp, std::nullopt}, {stamp + second, 900}};
    bench.intake.restart(positions);
    CHECK(bench.intake.resume_at(0).cursor == stamp + second - 10 * second);
    // By time at the same server, too: nothing vouches for a stored number.
    CHECK(bench.intake.resume_at(1).cursor == stamp + second - 5 * second);
    positions.elsewhere_us = stamp + 60 * second;
    bench.intake.restart(positions);
    CHECK(bench.intake.resume_at(0).cursor == stamp + 50 * second);
    CHECK(bench.intake.resume_at(1).cursor == stamp + 50 * second);
    bench.connect(0);
    REQUIRE(bench.take(frame({.time_us = stamp + 55 * second})) == Taken::go_on);
    CHECK(bench.intake.resume_at(0).cursor == stamp + 50 * second);
}

TEST_CASE("a frame without a time does not make its server the one to resume from") {
    Bench bench;
    bench.connect(0);
    REQUIRE(bench.take(frame({.time_us = stamp})) == Taken::go_on);
    bench.connect(1);
    REQUIRE(bench.take("no json") == Taken::go_on);
    CHECK(bench.intake.resume_at(1).cursor == stamp - 10 * second);
}

TEST_CASE("what nobody wants moves the position and nothing else") {
    Bench bench;
    bench.connect();
    REQUIRE(bench.take(frame({.time_us = stamp, .collection = "app.other.thing"})) == Taken::go_on);
    CHECK(bench.queue.size() == 0);
    const auto mark = bench.queue.take_trailing();
    REQUIRE(mark);
    CHECK(mark->watermark.time_us == stamp);
    CHECK(bench.counts.decoded_bytes.value() == bench.counts.received_bytes.value());
}

TEST_CASE("each account belongs to exactly one shard, and an unreadable frame to the first") {
    Bench first({0, 2});
    Bench second_shard({1, 2});
    std::size_t events = 0;
    for (int i = 0; i < 100; ++i) {
        const std::string text =
            frame({.time_us = stamp + i, .did = "did:plc:a" + std::to_string(i)});
        REQUIRE(first.take(text) == Taken::go_on);
        REQUIRE(second_shard.take(text) == Taken::go_on);
        // Whoever it belongs to, both have come this far.
        CHECK(first.intake.position(0).time_us == stamp + i);
        CHECK(second_shard.intake.position(0).time_us == stamp + i);
    }
    events = first.taken().size();
    CHECK(events > 20);
    CHECK(events < 80);
    CHECK(events + second_shard.taken().size() == 100);

    REQUIRE(first.take("no json") == Taken::go_on);
    REQUIRE(second_shard.take("no json") == Taken::go_on);
    CHECK(first.taken().size() == 1);
    CHECK(second_shard.taken().empty());
}

TEST_CASE("a repeat is recognised, counted, and queued all the same") {
    Bench bench;
    bench.connect();
    REQUIRE(bench.take(frame({})) == Taken::go_on);
    REQUIRE(bench.take(frame({})) == Taken::go_on);
    CHECK(bench.counts.redelivered.value() == 1);
    CHECK(bench.taken().size() == 2);
}

TEST_CASE("a server that no longer has what was asked for leaves a gap of a known span") {
    Bench bench;
    bench.connect();
    REQUIRE(bench.take(frame({.time_us = stamp})) == Taken::go_on);
    bench.connect();
    REQUIRE(bench.take(frame({.time_us = stamp + 90 * second})) == Taken::go_on);
    CHECK(bench.counts.gaps.value() == 1);
    CHECK(bench.counts.gap_seconds.value() == Approx(90));

    bench.connect();
    REQUIRE(bench.take(frame({.time_us = stamp + 88 * second})) == Taken::go_on);
    REQUIRE(bench.take(frame({.time_us = stamp + 500 * second})) == Taken::go_on);
    CHECK(bench.counts.gaps.value() == 1);
}

TEST_CASE("numbered events are resumed by number, at the same server only") {
    Bench bench;
    bench.connect();
    REQUIRE(bench.take(frame({.time_us = stamp, .seq = 50'000})) == Taken::go_on);
    const auto resume = bench.intake.resume_at(0);
    CHECK(resume.by_seq);
    CHECK(resume.cursor == 50'000 - 12'288);
    CHECK(bench.intake.resume_at(1).cursor == stamp - 10 * second);
    // A server that stops numbering is resumed by time again.
    bench.connect();
    REQUIRE(bench.take(frame({.time_us = stamp + 1})) == Taken::go_on);
    CHECK(bench.intake.resume_at(0).cursor == stamp + 1 - 5 * second);
}

TEST_CASE("after a regression reading resumes by the time from before it, and nothing is dropped") {
    Bench bench;
    bench.connect();
    REQUIRE(bench.take(frame({.time_us = stamp, .seq = 50'000, .rkey = "a"})) == Taken::go_on);
    bench.connect();
    // The server lost more than we go back: our number lies in its future, and it goes on live.
    const auto taken =
        bench.take(frame({.time_us = stamp + 30 * second, .seq = 20'000, .rkey = "b"}));
    CHECK(taken == Taken::seq_regression);
    CHECK(bench.counts.seq_regressions.value() == 1);
    const auto resume = bench.intake.resume_at(0);
    CHECK_FALSE(resume.by_seq);
    CHECK(resume.cursor == stamp - 5 * second);
    const auto items = bench.taken();
    REQUIRE(items.size() == 2);
    // Committing it must not move the stored position past what was skipped.
    CHECK(items[1].watermark.time_us == stamp);
    // The new numbering is accepted from then on.
    bench.connect();
    CHECK(bench.take(frame({.time_us = stamp, .seq = 10'000, .rkey = "a"})) == Taken::go_on);
    CHECK(bench.take(frame({.time_us = stamp + 30 * second, .seq = 20'000, .rkey = "b"})) ==
          Taken::go_on);
    CHECK(bench.intake.position(0).time_us == stamp + 30 * second);
    CHECK(bench.counts.gaps.value() == 0);
}

TEST_CASE("repeats below the highest number do not move the position") {
    Bench bench;
    bench.connect();
    REQUIRE(bench.take(frame({.time_us = stamp, .seq = 50'000, .rkey = "a"})) == Taken::go_on);
    bench.connect();
    REQUIRE(bench.take(frame({.time_us = stamp + 10 * second, .seq = 45'000, .rkey = "b"})) ==
            Taken::go_on);
    CHECK(bench.intake.position(0).time_us == stamp);
    REQUIRE(bench.take(frame({.time_us = stamp + second, .seq = 50'001, .rkey = "c"})) ==
            Taken::go_on);
    CHECK(bench.intake.position(0).time_us == stamp + second);
    CHECK(bench.taken().size() == 3);
}

TEST_CASE("compressed frames are decoded, damaged ones set aside, text ones still taken") {
    Bench bench({}, true);
    const std::string dictionary = test::make_zstd_dictionary(dictionary_id);
    bench.connect(0, true);
    REQUIRE(bench.take(test::zstd_frame(frame({}), dictionary), true) == Taken::go_on);
    REQUIRE(bench.take(frame({.rkey = "text"})) == Taken::go_on);
    std::string damaged = test::zstd_frame(frame({}), dictionary);
    damaged.resize(damaged.size() / 2);
    REQUIRE(bench.take(damaged, true) == Taken::go_on);
    const auto items = bench.taken();
    REQUIRE(items.size() == 3);
    CHECK(items[0].event() != nullptr);
    CHECK(items[1].event() != nullptr);
    REQUIRE(items[2].fault() != nullptr);
    CHECK(items[2].fault()->reason == "malformed_compression");
    CHECK(items[2].fault()->raw == damaged);
    CHECK(bench.counts.decoded_bytes.value() == frame({}).size() + frame({.rkey = "text"}).size());
}

TEST_CASE("a stream made with another dictionary is given up where we asked for it") {
    Bench bench({}, true);
    const std::string other = test::make_zstd_dictionary(dictionary_id + 1, 5000);
    bench.connect(0, true);
    CHECK(bench.take(test::zstd_frame(frame({}), other), true) == Taken::other_dictionary);
    CHECK(bench.queue.size() == 0);
    // Where we did not ask for it, it is one more frame that cannot be read.
    bench.connect(0, false);
    CHECK(bench.take(test::zstd_frame(frame({}), other), true) == Taken::go_on);
    CHECK(bench.queue.size() == 1);
}

TEST_CASE("what an earlier run of reading still delivers is not queued any more") {
    Bench bench;
    bench.connect();
    StartPositions positions;
    positions.by_endpoint.resize(2);
    positions.stream = bench.queue.restart();
    REQUIRE(bench.take(frame({})) == Taken::go_on);
    CHECK(bench.queue.size() == 0);
    bench.intake.restart(positions);
    bench.connect();
    REQUIRE(bench.take(frame({})) == Taken::go_on);
    CHECK(bench.queue.size() == 1);
}
