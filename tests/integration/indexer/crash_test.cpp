// Crashes and cuts while a generated world flows: the database must end as the world's fold.
#include "integration/indexer/database_fold.hpp"
#include "integration/indexer/running_indexer.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace subcults::test;

namespace {

long stored(const TestDatabase& database) {
    return std::stol(database.execute("SELECT count(*) FROM records"));
}

// True once the committed cursor has reached the last frame's time.
bool at_the_end(const TestDatabase& database, std::size_t frames) {
    const std::int64_t last = 1'783'175'888'000'000 + static_cast<std::int64_t>(frames) * 1000;
    return database.execute("SELECT coalesce(max(time_us), 0) >= " + std::to_string(last) +
                            " FROM jetstream_cursors") == "t";
}

}  // namespace

TEST_CASE("killed at random moments, the indexer ends at the fold of everything sent") {
    constexpr std::size_t total = 6000;
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(11, 100, total);
    const TemporaryDirectory directory;
    RunningSim sim({"--file", write_lines(directory.path() / "events", frames), "--rate", "2000"});

    std::minstd_rand random(5);
    int kills = 0;
    while (!at_the_end(database, total)) {
        RunningIndexer indexer(database.url(), sim.url(), {{"INDEXER_BATCH_EVENTS", "50"}});
        const long before = stored(database);
        const long step = 200 + static_cast<long>(random() % 800);
        eventually("some more is stored", [&] {
            return stored(database) >= before + step || at_the_end(database, total);
        });
        indexer.process().kill();
        ++kills;
    }
    CHECK(kills >= 3);
    CHECK(differences(database, fold_frames(frames)) == 0);
}

TEST_CASE("connections that are cut and a database that restarts lose and repeat nothing") {
    constexpr std::size_t total = 6000;
    TestPostgres server;
    const TestDatabase database(server.url());
    Process migrate({program("subcults-api"), "migrate"}, {{"DATABASE_URL", database.url()}});
    REQUIRE(migrate.wait() == 0);
    const auto frames = generated_frames(12, 100, total);
    const TemporaryDirectory directory;
    RunningSim sim({"--file", write_lines(directory.path() / "events", frames), "--rate", "2000"});
    RunningIndexer indexer(database.url(), sim.url(), {{"INDEXER_BATCH_EVENTS", "50"}});

    eventually("the first part is stored", [&] { return stored(database) > 500; });
    sim.drop_connections();
    eventually("it reconnects", [&] { return sim.connections_total() >= 2; });
    server.stop(TestPostgres::Stop::immediate);
    eventually("writes fail",
               [&] { return indexer.metric("indexer_database_writes_failed_total") >= 1; });
    server.start();
    eventually("it goes on", [&] { return stored(database) > 1500; });
    sim.drop_connections();
    eventually(
        "everything is stored", [&] { return at_the_end(database, total); },
        std::chrono::seconds(60));

    CHECK(indexer.metric("indexer_reconnection_attempts_total") >= 2);
    CHECK(differences(database, fold_frames(frames)) == 0);
}

TEST_CASE("of two indexers one writes, and the other takes over when it is killed") {
    constexpr std::size_t total = 4000;
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(13, 100, total);
    const TemporaryDirectory directory;
    RunningSim sim({"--file", write_lines(directory.path() / "events", frames), "--rate", "1000"});

    RunningIndexer first(database.url(), sim.url());
    eventually("the first one writes", [&] { return stored(database) > 100; });
    RunningIndexer second(database.url(), sim.url());
    eventually("the second one stands by", [&] {
        return second.client().get("/internal/indexer/status").body.find("\"standby\"") !=
               std::string::npos;
    });
    CHECK(second.client().get("/health/ready").status == 200);
    CHECK(second.metric("indexer_messages_processed_total") == 0);
    first.process().kill();
    eventually("the second one writes",
               [&] { return second.metric("indexer_messages_processed_total") > 0; });
    eventually("everything is stored", [&] { return at_the_end(database, total); });
    CHECK(differences(database, fold_frames(frames)) == 0);
}
