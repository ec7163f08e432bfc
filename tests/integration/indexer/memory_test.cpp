// What the indexer holds while PostgreSQL is away and the network goes on talking. The outage lasts
// ten seconds, or SUBCULTS_SOAK_MINUTES.
#include "bench/feed/server.hpp"
#include "integration/indexer/database_fold.hpp"
#include "integration/indexer/running_indexer.hpp"
#include "support/sanitized.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>

using namespace subcults;
using namespace subcults::test;
using bench::FeedServer;

namespace {

constexpr double pause_at = 8000;                   // INDEXER_PAUSE_AT's default
constexpr double queue_bytes = 16.0 * 1024 * 1024;  // INDEXER_QUEUE_BYTES'
constexpr std::size_t most_resident = 64'000'000;
constexpr std::int64_t first_time_us = 1'783'175'888'000'000;

std::chrono::seconds outage() {
    const char* minutes = std::getenv("SUBCULTS_SOAK_MINUTES");
    if (minutes == nullptr) return std::chrono::seconds(10);
    return std::chrono::minutes(std::max(1L, std::strtol(minutes, nullptr, 10)));
}

// The most that was ever resident, in bytes.
std::size_t peak_resident(const Process& process) {
    std::ifstream file("/proc/" + std::to_string(process.pid()) + "/status");
    std::string word;
    while (file >> word) {
        if (word != "VmHWM:") continue;
        std::size_t kibibytes = 0;
        file >> kibibytes;
        return kibibytes * 1024;
    }
    return 0;
}

// Sanitizers hold on to what was freed and keep shadows of everything: no bound applies to them.
void check_peak(const Process& process) {
    const std::size_t peak = peak_resident(process);
    CAPTURE(peak);
    CHECK(peak > 0);
    CHECK((sanitized_programs() != nullptr || peak < most_resident));
}

// Watches the queue for the whole outage; `largest` = of a single frame.
void sit_out(const RunningIndexer& indexer, double largest) {
    const auto end = SteadyClock::now() + outage();
    double most_bytes = 0;
    double most_events = 0;
    eventually(
        "the outage ends",
        [&] {
            const std::string exposition = indexer.exposition();
            most_events = std::max(most_events, metric(exposition, "indexer_pending_messages"));
            most_bytes = std::max(most_bytes, metric(exposition, "indexer_queue_bytes"));
            return SteadyClock::now() >= end;
        },
        outage() + std::chrono::seconds(30));
    CHECK(most_events <= pause_at);
    // One event beyond the mark, and what it costs to hold it.
    CHECK(most_bytes <= queue_bytes + 2 * largest + 4096);
}

struct Stage {
    TestPostgres server;
    TestDatabase database{server.url()};
    Stage() {
        Process migrate({program("subcults-api"), "migrate"}, {{"DATABASE_URL", database.url()}});
        if (migrate.wait() != 0) throw std::runtime_error(migrate.output());
    }
    std::int64_t number(const std::string& sql) const {
        const std::string text = database.execute(sql);
        return text.empty() ? 0 : std::stoll(text);
    }
};

std::vector<std::int64_t> rising_times(std::size_t count) {
    std::vector<std::int64_t> times;
    for (std::size_t i = 1; i <= count; ++i)
        times.push_back(first_time_us + static_cast<std::int64_t>(i) * 1000);
    return times;
}

std::string commit(std::size_t number, std::int64_t time_us, std::size_t text_bytes) {
    const std::string rkey = "note-" + std::to_string(number);
    return R"({"did":"did:plc:memorymemorymemorymemor","time_us":)" + std::to_string(time_us) +
           R"(,"kind":"commit","commit":{"rev":"3mptbypluud2a","operation":"create",)"
           R"("collection":"com.example.bench.note","rkey":")" +
           rkey + R"(","record":{"$type":"com.example.bench.note","text":")" +
           std::string(text_bytes, 'm') +
           R"("},"cid":"bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i"}})";
}

constexpr const char* cursor_sql = "SELECT max(time_us) FROM jetstream_cursors";

}  // namespace

TEST_CASE("with PostgreSQL stopped and a sender at full speed memory stays under 64 MB") {
    constexpr std::size_t total = 40'000;
    constexpr std::size_t before = 1000;
    const auto frames = generated_frames(11, 300, total);
    const auto times = rising_times(total);
    bench::ListedFrames source(frames, times);
    source.allow(before);
    Stage stage;
    FeedServer feed(source);
    RunningIndexer indexer(stage.database.url(), feed.url());
    eventually("rows arrive", [&] { return stage.number("SELECT count(*) FROM records") > 100; });
    stage.server.stop(TestPostgres::Stop::immediate);
    source.allow(total);
    eventually("reading pauses",
               [&] { return indexer.metric("indexer_backpressure_paused_total") >= 1; });
    CHECK(indexer.metric("indexer_pending_messages") >= pause_at - 1000);
    sit_out(indexer, 64 * 1024);
    CHECK(indexer.client().get("/health/live").status == 200);
    check_peak(indexer.process());

    stage.server.start();
    eventually(
        "everything is written", [&] { return stage.number(cursor_sql) == times.back(); },
        std::chrono::seconds(120));
    CHECK(differences(stage.database, fold_frames(frames)) == 0);
    CHECK(indexer.metric("indexer_messages_error_total") == 0);
    check_peak(indexer.process());
}

TEST_CASE("with PostgreSQL stopped large and unreadable frames stay within the same memory") {
    constexpr std::size_t total = 400;
    constexpr std::size_t text_bytes = 200'000;
    std::vector<std::string> frames;
    const auto times = rising_times(total);
    std::size_t readable = 0;
    for (std::size_t i = 0; i < total; ++i) {
        // Small ones first, then three large ones for each that is cut off in the middle. The last
        // one is readable: its time is what the cursor ends at.
        const bool small = i < 20;
        const bool cut = !small && i % 4 == 0;
        frames.push_back(commit(i, times[i], small ? 100 : text_bytes));
        if (cut) frames.back().resize(frames.back().size() - 3);
        readable += cut ? 0 : 1;
    }
    bench::ListedFrames source(frames, times);
    source.allow(20);
    Stage stage;
    FeedServer feed(source);
    RunningIndexer indexer(stage.database.url(), feed.url());
    eventually("rows arrive", [&] { return stage.number("SELECT count(*) FROM records") == 20; });
    stage.server.stop(TestPostgres::Stop::immediate);
    source.allow(total);
    eventually("reading pauses",
               [&] { return indexer.metric("indexer_backpressure_paused_total") >= 1; });
    CHECK(indexer.metric("indexer_queue_bytes") >= queue_bytes - 4.0 * text_bytes);
    sit_out(indexer, text_bytes);
    check_peak(indexer.process());

    stage.server.start();
    eventually(
        "everything is written", [&] { return stage.number(cursor_sql) == times.back(); },
        std::chrono::seconds(120));
    CHECK(stage.number("SELECT count(*) FROM records") == static_cast<std::int64_t>(readable));
    CHECK(stage.number("SELECT count(*) FROM quarantined_events") ==
          static_cast<std::int64_t>(total - readable));
    // Batches are bounded in bytes, and they exist several times on their way to the database.
    check_peak(indexer.process());
}

TEST_CASE("with PostgreSQL stopped a stream that nobody wants is read at full speed all the same") {
    std::vector<std::string> lines;
    for (const std::string& frame : generated_frames(12, 300, 20'000)) {
        if (frame.find(R"("kind":"commit")") != std::string::npos) lines.push_back(frame);
    }
    bench::LoopedFrames source(lines, first_time_us);
    Stage stage;
    FeedServer feed(source);
    RunningIndexer indexer(stage.database.url(), feed.url(),
                           {{"JETSTREAM_COLLECTIONS", "com.example.nobody.wants"}});
    eventually("bytes arrive",
               [&] { return indexer.metric("indexer_received_bytes_total") > 1e6; });
    stage.server.stop(TestPostgres::Stop::immediate);
    const double before = indexer.metric("indexer_received_bytes_total");
    sit_out(indexer, 64 * 1024);
    const double read = indexer.metric("indexer_received_bytes_total") - before;
    CAPTURE(read);
    // A tenth of what the slowest machine manages, sanitizers included.
    CHECK(read > 1e6 * std::chrono::duration<double>(outage()).count());
    check_peak(indexer.process());

    stage.server.start();
    const std::int64_t then = stage.number(cursor_sql);
    eventually("the position moves on", [&] { return stage.number(cursor_sql) > then; });
}
