#include "integration/indexer/database_fold.hpp"
#include "integration/indexer/running_indexer.hpp"
#include "support/sanitized.hpp"

#include <catch2/catch.hpp>

using namespace subcults::test;

TEST_CASE("with PostgreSQL stopped the queue holds its bounds, and nothing is missing afterwards") {
    constexpr int total = 20'000;
    TestPostgres server;
    const TestDatabase database(server.url());
    Process migrate({program("subcults-api"), "migrate"}, {{"DATABASE_URL", database.url()}});
    REQUIRE(migrate.wait() == 0);

    const TemporaryDirectory directory;
    const auto frames = generated_frames(7, 300, total);
    RunningSim sim(
        {"--file", write_lines(directory.path() / "events.jsonl", frames), "--rate", "5000"});
    RunningIndexer indexer(database.url(), sim.url(),
                           {{"INDEXER_PAUSE_AT", "1500"},
                            {"INDEXER_RESUME_AT", "300"},
                            {"INDEXER_BATCH_EVENTS", "100"}});
    eventually("rows arrive",
               [&] { return std::stol(database.execute("SELECT count(*) FROM records")) > 200; });
    server.stop(TestPostgres::Stop::immediate);
    // The batch in hand is not in the queue any more.
    eventually("reading pauses", [&] {
        return indexer.metric("indexer_pending_messages") >= 1400 &&
               indexer.metric("indexer_backpressure_paused_total") >= 1;
    });
    const double pending = indexer.metric("indexer_pending_messages");
    const std::size_t memory = indexer.process().resident_bytes();
    const double failed = indexer.metric("indexer_database_writes_failed_total");
    CHECK(indexer.client().get("/health/live").status == 200);
    // While the database stays away for several more attempts nothing grows.
    eventually("time passes", [&, looks = 0]() mutable {
        CHECK(indexer.metric("indexer_pending_messages") == pending);
        return ++looks > 100;
    });
    CHECK(pending <= 1500);
    CHECK(memory > 0);
    if (!sanitized_programs()) {
        CHECK(indexer.process().resident_bytes() < memory + 4 * 1024 * 1024);
    }
    CHECK(failed >= 1);

    server.start();
    const auto all_done = [&] {
        return indexer.metric("indexer_messages_processed_total") +
                   indexer.metric("indexer_messages_error_total") >=
               total;
    };
    eventually("everything is written", all_done, std::chrono::seconds(120));
    CHECK(indexer.metric("indexer_backpressure_resumed_total") >= 1);
    CHECK(indexer.metric("indexer_backpressure_pause_duration_seconds_count") >= 1);
    CHECK(indexer.metric("indexer_messages_error_total") == 0);

    const auto expected = fold_frames(frames);
    CHECK(differences(database, expected) == 0);
}
