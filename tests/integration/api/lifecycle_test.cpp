#include "integration/api/running_api.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <csignal>
#include <thread>

using namespace subcults::test;

namespace {

const std::string host = "did:plc:host";

}  // namespace

TEST_CASE("without its database the API refuses quickly, and recovers by itself") {
    TestPostgres server;
    const TestDatabase database(server.url());
    {
        auto environment = RunningApi::environment(database.url());
        Process migrate({program("subcults-api"), "migrate"}, environment);
        REQUIRE(migrate.wait() == 0);
    }
    RunningApi api(database.url());
    const std::string stream = create_stream(database, api, host);
    const std::string join = "/streams/" + stream + "/join";
    auto client = api.client();
    REQUIRE(client.post(join, RunningApi::as("did:plc:a")).status == 200);

    server.stop(TestPostgres::Stop::immediate);
    eventually("readiness tells", [&] { return client.get("/health/ready").status == 503; });
    CHECK(client.get("/health/live").status == 200);
    CHECK(client.get("/metrics").status == 200);
    // The first ones may wait a moment for the database; then refusals are immediate.
    eventually("joins are refused at once", [&] {
        const auto begun = std::chrono::steady_clock::now();
        const Answer refused = client.post(join, RunningApi::as("did:plc:a"));
        REQUIRE(refused.status == 503);
        REQUIRE_FALSE(refused.header("Retry-After").empty());
        return std::chrono::steady_clock::now() - begun < std::chrono::milliseconds(100);
    });
    CHECK(client.get("/streams", RunningApi::as("did:plc:a")).status == 503);

    server.start();
    eventually("readiness recovers", [&] { return client.get("/health/ready").status == 200; });
    eventually("joins work again",
               [&] { return client.post(join, RunningApi::as("did:plc:a")).status == 200; });
    CHECK(database.execute("SELECT join_count FROM stream_sessions") == "2");
    CHECK(database.execute("SELECT count(*) FROM audit_logs WHERE action = 'joined'") == "2");
}

TEST_CASE("a scrape says whether the database is there, without a request that needs it") {
    TestPostgres server;
    const TestDatabase database(server.url());
    Process migrate({program("subcults-api"), "migrate"}, RunningApi::environment(database.url()));
    REQUIRE(migrate.wait() == 0);
    RunningApi api(database.url());
    CHECK(api.metric("db_ready") == 1);
    server.stop(TestPostgres::Stop::immediate);
    eventually("the scrape tells", [&] { return api.metric("db_ready") == 0; });
    server.start();
    eventually("the scrape tells again", [&] { return api.metric("db_ready") == 1; });
}

TEST_CASE("an API without a schema to work with says that its database is not ready") {
    const TestDatabase database;
    Process process({program("subcults-api")}, RunningApi::environment(database.url()));
    HttpClient client(process.listening_port());
    eventually("the database was asked", [&] {
        return client.get("/health/ready").body.find("schema_behind") != std::string::npos;
    });
    CHECK(metric(client.get("/metrics").body, "db_ready") == 0);
}

TEST_CASE("every acknowledged join survives the API being killed under load") {
    const TestDatabase database = TestDatabase::migrated();
    std::string stream;
    long acknowledged = 0;
    for (int round = 0; round < 3; ++round) {
        RunningApi api(database.url());
        if (stream.empty()) stream = create_stream(database, api, host);
        std::atomic<long> answered{0};
        std::vector<std::thread> listeners;
        for (int i = 0; i < 8; ++i) {
            listeners.emplace_back([&, i] {
                const Headers headers = RunningApi::as("did:plc:l" + std::to_string(i));
                HttpClient client(api.port());
                try {
                    for (;;) {
                        if (client.post("/streams/" + stream + "/join", headers).status == 200) {
                            ++answered;
                        }
                    }
                } catch (const std::exception&) {
                    // The API is gone: that is what this test does.
                }
            });
        }
        eventually("joins flow", [&] { return answered > 200; });
        api.process().kill();
        for (auto& thread : listeners)
            thread.join();
        acknowledged += answered;
    }
    const long stored = std::stol(database.execute("SELECT join_count FROM stream_sessions"));
    CHECK(stored >= acknowledged);
    // At most what was in flight at the three kills is there without an answer.
    CHECK(stored <= acknowledged + 3 * 8);
    CHECK(database.execute("SELECT count(*) = max(seq) - 1 FROM audit_logs"
                           " WHERE entity_id = '" +
                           stream + "' AND action <> 'created'") == "t");
    CHECK(database.execute("SELECT (SELECT max(seq) FROM audit_logs) = head_seq"
                           " FROM stream_sessions") == "t");
}

TEST_CASE("PostgreSQL crashing under load: with a key, every join happens exactly once") {
    TestPostgres server;
    const TestDatabase database(server.url());
    Process migrate({program("subcults-api"), "migrate"}, RunningApi::environment(database.url()));
    REQUIRE(migrate.wait() == 0);
    RunningApi api(database.url());
    const std::string stream = create_stream(database, api, host);

    std::atomic<bool> enough{false};
    std::atomic<long> keys_done{0};
    std::atomic<int> odd{0};
    std::vector<std::thread> listeners;
    for (int i = 0; i < 8; ++i) {
        listeners.emplace_back([&, i] {
            const std::string me = "did:plc:l" + std::to_string(i);
            HttpClient client(api.port());
            for (long number = 0; !enough; ++number) {
                Headers headers = RunningApi::as(me);
                headers.emplace_back("Idempotency-Key", "k" + std::to_string(number));
                // As a client should: the same request under the same key until it is answered.
                for (;;) {
                    const unsigned status =
                        client.post("/streams/" + stream + "/join", headers).status;
                    if (status == 200) break;
                    if (status != 503) ++odd;
                }
                ++keys_done;
            }
        });
    }
    for (int round = 0; round < 3; ++round) {
        const long before = keys_done;
        eventually("joins flow", [&] { return keys_done > before + 200; });
        server.stop(TestPostgres::Stop::immediate);
        server.start();
    }
    const long before = keys_done;
    eventually("joins flow again", [&] { return keys_done > before + 50; });
    enough = true;
    for (auto& thread : listeners)
        thread.join();

    CHECK(odd == 0);
    // The crashes were felt, if not by callers: a server that is back within a second is waited
    // for.
    const std::string log = api.process().output();
    CHECK(log.find("ledger cannot reach the database") != std::string::npos);
    const std::string done = std::to_string(keys_done.load());
    CHECK(database.execute("SELECT join_count FROM stream_sessions") == done);
    CHECK(database.execute("SELECT count(*) FROM audit_logs WHERE action = 'joined'") == done);
    CHECK(database.execute("SELECT count(*) FROM idempotency_keys") == done);
    CHECK(database.execute("SELECT max(seq) = count(*) AND max(seq) ="
                           " (SELECT head_seq FROM stream_sessions) FROM audit_logs") == "t");
    CHECK(database.execute("SELECT active_count FROM stream_sessions") == "8");
}

TEST_CASE("SIGTERM finishes what is in flight, a second signal ends at once") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url());
    const std::string stream = create_stream(database, api, host);

    // Holds the row, so that a join waits inside the ledger.
    SECTION("graceful") {
        std::atomic<unsigned> status{0};
        std::thread locker([&] {
            database.execute(
                "BEGIN; SELECT 1 FROM stream_sessions FOR UPDATE;"
                " SELECT pg_sleep(0.7); COMMIT");
        });
        eventually("the row is held", [&] {
            return database.execute(
                       "SELECT count(*) FROM pg_stat_activity WHERE query LIKE "
                       "'BEGIN; SELECT 1%' AND wait_event = 'PgSleep'") == "1";
        });
        std::thread listener([&] {
            status = api.client()
                         .post("/streams/" + stream + "/join", RunningApi::as("did:plc:a"))
                         .status;
        });
        eventually("the join is in the ledger",
                   [&] { return api.metric("ledger_queue_commands") >= 1; });
        api.process().signal(SIGTERM);
        listener.join();
        locker.join();
        CHECK(status == 200);
        CHECK(api.process().wait() == 0);
        CHECK(database.execute("SELECT join_count FROM stream_sessions") == "1");
    }
    SECTION("at once") {
        std::thread locker([&] {
            database.execute(
                "BEGIN; SELECT 1 FROM stream_sessions FOR UPDATE;"
                " SELECT pg_sleep(3); COMMIT");
        });
        eventually("the row is held", [&] {
            return database.execute(
                       "SELECT count(*) FROM pg_stat_activity WHERE query LIKE "
                       "'BEGIN; SELECT 1%' AND wait_event = 'PgSleep'") == "1";
        });
        std::thread listener([&] {
            try {
                api.client().post("/streams/" + stream + "/join", RunningApi::as("did:plc:a"));
            } catch (const std::exception&) {
                // The connection breaks: that is what a second signal does.
            }
        });
        eventually("the join is in the ledger",
                   [&] { return api.metric("ledger_queue_commands") >= 1; });
        api.process().signal(SIGTERM);
        eventually("it is stopping", [&] {
            return api.process().output().find("\"stopping\"") != std::string::npos;
        });
        api.process().signal(SIGTERM);
        CHECK(api.process().wait(std::chrono::seconds(2)) == 128 + SIGTERM);
        listener.join();
        locker.join();
    }
}

TEST_CASE("an API that finds no schema waits for the migration instead of failing") {
    const TestDatabase database;
    auto environment = RunningApi::environment(database.url());
    Process process({program("subcults-api")}, environment);
    HttpClient client(process.listening_port());
    eventually("it says why", [&] {
        const Answer answer = client.get("/health/ready");
        return answer.status == 503 && answer.body.find("schema_behind") != std::string::npos;
    });
    Process migrate({program("subcults-api"), "migrate"}, environment);
    REQUIRE(migrate.wait() == 0);
    eventually("it becomes ready", [&] { return client.get("/health/ready").status == 200; });
}
