// Which server is read, and what is made of servers that refuse, fall silent or come back.
#include "integration/indexer/streams.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <csignal>

using namespace subcults::test;

namespace {

double reconnections(const RunningIndexer& indexer, const std::string& reason) {
    return indexer.metric("indexer_reconnections_by_reason_total{reason=\"" + reason + "\"}");
}

}  // namespace

TEST_CASE("a second server takes over, and the first one is returned to without a break") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(31, 60, 600);
    RunningSim first({});
    RunningSim second({});
    RunningIndexer indexer(database.url(), first.url() + "," + second.url(),
                           {{"JETSTREAM_PREFER_AFTER_SECONDS", "1"}});
    eventually("the first server is read", [&] { return connected_to(indexer, first); });
    first.append(lines_of(frames, 0, 200));
    second.append(lines_of(frames, 0, 200));
    eventually("the first part is stored", [&] { return committed_to(database, time_of(200)); });

    first.refuse(503, {}, 1000);
    first.drop_connections();
    eventually("the second server is read", [&] { return connected_to(indexer, second); });
    CHECK(second.last_cursor() == time_of(200) - 10'000'000);
    const std::int64_t refused = first.stat("refused");
    eventually("the first one is tried again", [&] { return first.stat("refused") > refused; });
    first.append(lines_of(frames, 200, 400));
    second.append(lines_of(frames, 200, 400));
    eventually("the second part is stored", [&] { return committed_to(database, time_of(400)); });
    // Trying the first one has not cost the connection to the second.
    CHECK(second.connections_total() == 1);
    CHECK(connected_to(indexer, second));

    first.refuse(503, {}, 0);
    eventually("the first server is read again", [&] { return connected_to(indexer, first); });
    CHECK(first.last_cursor() == time_of(400) - 10'000'000);
    CHECK(reconnections(indexer, "preferred_again") >= 2);
    first.append(lines_of(frames, 400, 600));
    eventually("everything is stored", [&] { return committed_to(database, time_of(600)); });
    CHECK(differences(database, fold_frames(frames)) == 0);
    CHECK(indexer.metric("indexer_gaps_total") == 0);
    CHECK(indexer.metric("indexer_redelivered_total") > 0);
}

TEST_CASE("a server that says when to come again is not asked before") {
    const TestDatabase database = TestDatabase::migrated();
    RunningSim sim({});
    sim.refuse(503, 3, 1);
    RunningIndexer indexer(database.url(), sim.url());
    eventually("it is refused", [&] { return sim.stat("refused") == 1; });
    const auto refused = std::chrono::steady_clock::now();
    const auto status = status_of(indexer);
    CHECK_FALSE(status["connected"].GetBool());
    eventually("it is connected", [&] { return sim.connections_total() == 1; });
    // Without the wish the wait would have been a quarter of a second at most.
    CHECK(std::chrono::steady_clock::now() - refused > std::chrono::seconds(2));
    CHECK(sim.requests().size() == 2);
    CHECK(indexer.metric("indexer_reconnections_by_reason_total{reason=\"handshake_refused\"}") ==
          1);
}

TEST_CASE("a server that refuses for good is reported once and left alone, the other one serves") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(32, 40, 300);
    RunningSim refusing({});
    RunningSim serving({});
    refusing.refuse(400, {}, 1000);
    RunningIndexer indexer(database.url(), refusing.url() + "," + serving.url(),
                           {{"JETSTREAM_PREFER_AFTER_SECONDS", "1"}});
    for (std::size_t part = 0; part < 3; ++part) {
        eventually("the other server is read", [&] { return connected_to(indexer, serving); });
        serving.append(lines_of(frames, part * 100, part * 100 + 100));
        eventually("a part is stored",
                   [&] { return committed_to(database, time_of(part * 100 + 100)); });
        const std::int64_t connections = serving.connections_total();
        serving.drop_connections();
        eventually("it is read again", [&] { return serving.connections_total() > connections; });
    }
    CHECK(refusing.requests().size() == 1);
    CHECK(occurrences(indexer.process().output(), "refuses this indexer") == 1);
    CHECK(indexer.process().output().find("\"error\"") != std::string::npos);
    const auto status = status_of(indexer);
    const auto& endpoints = status["connection"]["endpoints"];
    CHECK(endpoints[0]["permanent"].GetBool());
    CHECK(std::string(endpoints[0]["last_error"].GetString()).find("HTTP 400") == 0);
    CHECK(endpoints[0]["next_attempt_in_seconds"].GetDouble() > 200);
    CHECK_FALSE(endpoints[1]["permanent"].GetBool());
    CHECK(differences(database, fold_frames(frames)) == 0);
}

TEST_CASE("a wait of minutes for a server ends at once with SIGTERM") {
    const TestDatabase database = TestDatabase::migrated();
    RunningSim sim({});
    sim.refuse(403, {}, 1000);
    RunningIndexer indexer(database.url(), sim.url());
    eventually("it waits", [&] {
        const auto status = status_of(indexer);
        return std::string(status["connection"]["state"].GetString()) == "waiting" &&
               status["connection"]["endpoints"][0]["permanent"].GetBool();
    });
    indexer.process().signal(SIGTERM);
    CHECK(indexer.process().wait(std::chrono::seconds(5)) == 0);
    CHECK(sim.requests().size() == 1);
}

TEST_CASE("a connection that falls silent is noticed, and what it missed is read again") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(33, 40, 200);
    RunningSim sim({"--ping-seconds", "1"});
    RunningIndexer indexer(database.url(), sim.url(), {{"INDEXER_IDLE_SECONDS", "5"}});
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    sim.append(lines_of(frames, 0, 100));
    eventually("the first part is stored", [&] { return committed_to(database, time_of(100)); });

    sim.silence_connections();
    sim.append(lines_of(frames, 100, 200));
    eventually("everything is stored", [&] { return committed_to(database, time_of(200)); });
    CHECK(sim.stat("silenced") == 1);
    CHECK(sim.connections_total() == 2);
    CHECK(reconnections(indexer, "timeout") == 1);
    CHECK(differences(database, fold_frames(frames)) == 0);
}

TEST_CASE("a quiet connection whose server answers pings is left alone") {
    const TestDatabase database = TestDatabase::migrated();
    RunningSim sim({"--ping-seconds", "0"});
    RunningIndexer indexer(database.url(), sim.url(), {{"INDEXER_IDLE_SECONDS", "5"}});
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    const auto since = std::chrono::steady_clock::now();
    eventually("longer than the limit passes",
               [&] { return std::chrono::steady_clock::now() - since > std::chrono::seconds(7); });
    CHECK(sim.connections_total() == 1);
    CHECK(indexer.metric("indexer_connected") == 1);
}

TEST_CASE("the lag grows while the server is away") {
    const TestDatabase database = TestDatabase::migrated();
    RunningSim sim({});
    RunningIndexer indexer(database.url(), sim.url());
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    CHECK(indexer.metric("indexer_processing_lag_seconds") == 0);
    sim.process().kill();
    eventually("it is disconnected", [&] { return indexer.metric("indexer_connected") == 0; });
    const double before = indexer.metric("indexer_processing_lag_seconds");
    eventually("the lag has grown",
               [&] { return indexer.metric("indexer_processing_lag_seconds") > before + 1; });
    CHECK(status_of(indexer)["lag"]["disconnected_seconds"].GetDouble() > before);
}

TEST_CASE("the status page tells where the connection, the queue and the cursors stand") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(34, 40, 100);
    RunningSim sim({});
    RunningIndexer indexer(database.url(), sim.url() + ",ws://127.0.0.1:9/subscribe");
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    sim.append(lines_of(frames, 0, 100));
    eventually("it is stored", [&] { return committed_to(database, time_of(100)); });
    eventually("the commit is known",
               [&] { return status_of(indexer)["cursors"][0]["time_us"].IsInt64(); });

    const auto status = status_of(indexer);
    const auto& connection = status["connection"];
    CHECK(std::string(connection["state"].GetString()) == "reading");
    CHECK(connection["endpoint"].GetString() == host_of(sim));
    CHECK(connection["endpoints"].Size() == 2);
    CHECK(connection["endpoints"][0]["preferred"].GetBool());
    CHECK(connection["endpoints"][0]["failures"].GetInt64() == 0);
    CHECK_FALSE(connection["compressed"].GetBool());
    CHECK(status["cursors"][0]["time_us"].GetInt64() == time_of(100));
    CHECK(status["cursors"][1]["time_us"].IsNull());
    CHECK(status["cursor"].GetInt64() == time_of(100));
    CHECK(status["last_commit_at"].IsString());
    CHECK(std::string(status["shard"].GetString()) == "0/1");
    CHECK(status["queue"]["events"].GetInt64() == 0);
    CHECK(status["queue"]["pause_events"].GetInt64() == 8000);
    CHECK(status["counts"]["gaps"].GetInt64() == 0);
    CHECK(status["counts"]["processed"].GetInt64() == 100);
}
