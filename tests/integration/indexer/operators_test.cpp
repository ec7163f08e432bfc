// What operators see: the token rule, health, status, configuration, a graceful end.
#include "integration/indexer/running_indexer.hpp"

#include <catch2/catch.hpp>

#include <csignal>

using namespace subcults::test;

TEST_CASE("the metrics endpoint asks for the token in either header, and tells 401 from 403") {
    const TestDatabase database = TestDatabase::migrated();
    RunningIndexer indexer(database.url(), "ws://127.0.0.1:9/subscribe",
                           {{"INTERNAL_AUTH_TOKEN", "internal-secret"}});
    auto client = indexer.client();
    for (const char* path : {"/internal/indexer/metrics", "/internal/indexer/status"}) {
        INFO(path);
        CHECK(client.get(path).status == 401);
        CHECK(client.get(path, {{"X-Internal-Token", "wrong"}}).status == 403);
        CHECK(client.get(path, {{"Authorization", "Bearer wrong"}}).status == 403);
        CHECK(client.get(path, {{"X-Internal-Token", "internal-secret"}}).status == 200);
        CHECK(client.get(path, {{"Authorization", "Bearer internal-secret"}}).status == 200);
    }
    CHECK(client.get("/health/live").status == 200);
    CHECK(client.get("/metrics").status == 404);
}

TEST_CASE("all twelve series of the guide are there from the start") {
    const TestDatabase database = TestDatabase::migrated();
    RunningIndexer indexer(database.url(), "ws://127.0.0.1:9/subscribe");
    const std::string exposition = indexer.exposition();
    for (const char* name :
         {"indexer_messages_processed_total", "indexer_messages_error_total",
          "indexer_upserts_total", "indexer_trust_recompute_total",
          "indexer_ingest_latency_seconds_count", "indexer_processing_lag_seconds",
          "indexer_reconnection_attempts_total", "indexer_database_writes_failed_total",
          "indexer_backpressure_paused_total", "indexer_backpressure_resumed_total",
          "indexer_backpressure_pause_duration_seconds_count", "indexer_pending_messages"}) {
        INFO(name);
        CHECK(exposition.find("\n" + std::string(name) + " ") != std::string::npos);
    }
    CHECK(exposition.find("stream_joins_total") == std::string::npos);
}

TEST_CASE("a scrape of the indexer says whether the database is there") {
    TestPostgres server;
    const TestDatabase database(server.url());
    Process migrate({program("subcults-api"), "migrate"}, {{"DATABASE_URL", database.url()}});
    REQUIRE(migrate.wait() == 0);
    RunningIndexer indexer(database.url(), "ws://127.0.0.1:9/subscribe");
    eventually("it is there", [&] { return indexer.metric("db_ready") == 1; });
    server.stop(TestPostgres::Stop::immediate);
    eventually("it is away", [&] { return indexer.metric("db_ready") == 0; });
    server.start();
    eventually("it is back", [&] { return indexer.metric("db_ready") == 1; });
}

TEST_CASE("a Jetstream that is away is tried again and does not make the indexer unready") {
    const TestDatabase database = TestDatabase::migrated();
    RunningIndexer indexer(database.url(), "ws://127.0.0.1:9/subscribe");
    eventually("it is tried again",
               [&] { return indexer.metric("indexer_reconnection_attempts_total") >= 2; });
    eventually("it is ready", [&] { return indexer.client().get("/health/ready").status == 200; });
    const auto ready = indexer.client().get("/health/ready").json();
    CHECK(ready["checks"]["connected"].GetBool() == false);
    CHECK(indexer.metric("indexer_connected") == 0);
}

TEST_CASE("a second server takes over when the first one is away") {
    const TestDatabase database = TestDatabase::migrated();
    const TemporaryDirectory directory;
    const auto frames = generated_frames(3, 50, 200);
    RunningSim sim({"--file", write_lines(directory.path() / "events", frames)});
    RunningIndexer indexer(database.url(), "ws://127.0.0.1:9/subscribe," + sim.url());
    eventually("everything is processed",
               [&] { return indexer.metric("indexer_messages_processed_total") == 200; });
    const auto status = indexer.client().get("/internal/indexer/status").json();
    CHECK(status["connected"].GetBool() == true);
    CHECK(status["endpoint"].GetString() == "127.0.0.1:" + std::to_string(sim.port()));
    CHECK(status["cursor"].GetInt64() == 1'783'175'888'000'000 + 200 * 1000);
}

TEST_CASE("SIGTERM writes what was read before it ends") {
    const TestDatabase database = TestDatabase::migrated();
    const TemporaryDirectory directory;
    const auto frames = generated_frames(4, 50, 5000);
    RunningSim sim({"--file", write_lines(directory.path() / "events", frames)});
    RunningIndexer indexer(database.url(), sim.url(), {{"INDEXER_BATCH_EVENTS", "20"}});
    eventually("work is queued", [&] { return indexer.metric("indexer_pending_messages") > 100; });
    indexer.process().signal(SIGTERM);
    CHECK(indexer.process().wait() == 0);
    const std::string output = indexer.process().output();
    CHECK(output.find("\"stopped\"") != std::string::npos);
    CHECK(output.find("not written") == std::string::npos);
}

TEST_CASE("the indexer reports every mistake in its configuration at once") {
    Process process({program("subcults-indexer")}, {{"JETSTREAM_URL", "http//nowhere"},
                                                    {"JETSTREAM_COLLECTIONS", "not a collection"},
                                                    {"INDEXER_LISTEN", "x"},
                                                    {"INDEXER_PAUSE_AT", "0"}});
    CHECK(process.wait() == 2);
    for (const char* variable : {"DATABASE_URL", "JETSTREAM_URL", "JETSTREAM_COLLECTIONS",
                                 "INDEXER_LISTEN", "INDEXER_PAUSE_AT"}) {
        INFO(variable);
        CHECK(process.output().find(variable) != std::string::npos);
    }
}
