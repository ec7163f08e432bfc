// Backfills: ordered by the command, done by a running indexer beside the live stream.
#include "integration/indexer/backfills.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <vector>

using namespace subcults::test;

namespace {

Process::Environment quick(Process::Environment more = {}) {
    return quiet_after(1, std::move(more));
}

// What the live stream's reader and writer go by.
std::string live_state(const TestDatabase& database) {
    return database.execute(
        "SELECT coalesce(string_agg(host || time_us || coalesce(seq, 0) || shard,"
        " ',' ORDER BY host, shard), '') || (SELECT string_agg(epoch || holder"
        " || coalesce(batch_id::text, ''), ',' ORDER BY shard)"
        " FROM indexer_shards) FROM jetstream_cursors");
}

}  // namespace

TEST_CASE("a backfill brings in what the live stream never saw and leaves its cursor alone") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(81, 40, 600);
    RunningSim sim({});
    sim.append(lines_of(frames, 0, 400));  // before anybody listens
    RunningIndexer indexer(database.url(), sim.url(), quick());
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    sim.append(lines_of(frames, 400, 600));
    eventually("the live part is stored", [&] { return committed_to(database, time_of(600)); });
    REQUIRE(differences(database, fold_frames(frames)) > 0);
    const std::string before = live_state(database);

    const auto done = order(database, 1, 400);
    INFO(done.output);
    REQUIRE(done.status == 0);
    CHECK(done.output.find("completed, 100 %") != std::string::npos);
    CHECK(differences(database, fold_frames(frames)) == 0);
    CHECK(live_state(database) == before);
    CHECK(row(database, "status") == "completed");
    CHECK(row(database, "oldest_us") == std::to_string(time_of(1)));
    CHECK(std::stol(row(database, "rows_changed")) > 0);
    CHECK(row(database, "missing_seconds") == "0");
    CHECK(backfill_runs(indexer, "success") >= 1);
    CHECK(backfill_runs(indexer, "failure") == 0);

    SECTION("and once more changes nothing") {
        const std::string records =
            "SELECT md5(string_agg(r::text, ',' ORDER BY did, collection,"
            " rkey)) FROM records r";
        const std::string stored = database.execute(records);
        REQUIRE(order(database, 1, 400).status == 0);
        CHECK(row(database, "rows_changed") == "0");
        CHECK(std::stol(row(database, "events")) >= 400);
        CHECK(database.execute(records) == stored);
    }
}

TEST_CASE("a backfill goes no further than it was told") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(82, 40, 300);
    RunningSim sim({});
    sim.append(lines_of(frames, 0, 300));
    RunningIndexer indexer(database.url(), sim.url(), quick());
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    REQUIRE(order(database, 101, 200).status == 0);
    CHECK(database.execute("SELECT min(time_us) FROM records") >= std::to_string(time_of(101)));
    CHECK(database.execute("SELECT max(time_us) FROM records") <= std::to_string(time_of(200)));
    CHECK(std::stol(database.execute("SELECT count(*) FROM records")) > 0);
}

TEST_CASE("an account that was deleted after the window is not brought back by it") {
    const TestDatabase database = TestDatabase::migrated();
    const std::string did = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
    const std::string other = "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb";
    RunningSim sim({});
    sim.append(record_frame(did, 1, "3mptbypluud2a", "one") +
               record_frame(other, 2, "3mptbypluud2b", "one"));
    RunningIndexer indexer(database.url(), sim.url(), quick());
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    // Seen live, of an account that nobody knows yet.
    sim.append(account_frame(did, 9000, 900, "deleted"));
    eventually("the deletion has passed", [&] { return committed_to(database, time_of(9000)); });
    REQUIRE(order(database, 1, 1000).status == 0);
    CHECK(database.execute("SELECT string_agg(did, ',') FROM records WHERE deleted_at IS NULL") ==
          other);
    CHECK(database.execute("SELECT status FROM accounts WHERE did = '" + did + "'") == "deleted");
}

TEST_CASE("a deletion within the window counts although the account has come back since") {
    const TestDatabase database = TestDatabase::migrated();
    const std::string did = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
    RunningSim sim({});
    sim.append(record_frame(did, 1, "3mptbypluud2a", "old") +
               account_frame(did, 2, 900, "deleted"));
    RunningIndexer indexer(database.url(), sim.url(), quick());
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    // Its next life is seen live, a minute later.
    sim.append(record_frame(did, 60'000, "3mptbyrluud2a", "new") +
               account_frame(did, 60'001, 901, ""));
    eventually("the next life is stored", [&] { return committed_to(database, time_of(60'001)); });
    REQUIRE(order(database, 1, 1000).status == 0);
    CHECK(database.execute("SELECT string_agg(rkey, ',' ORDER BY rkey) FROM records") == "new,old");
    CHECK(database.execute("SELECT string_agg(rkey, ',') FROM records WHERE deleted_at IS NULL") ==
          "new");
    CHECK(database.execute("SELECT active::text || account_seq FROM accounts") == "true901");
}

TEST_CASE("killed in the middle, a backfill is gone on with by another indexer") {
    for (const char* place : {"backfill.opened", "backfill.committed"}) {
        INFO(place);
        const TestDatabase database = TestDatabase::migrated();
        const auto frames = generated_frames(83, 40, 2500);
        const TemporaryDirectory directory;
        const std::string report = (directory.path() / "report").string();
        RunningSim sim({});
        sim.append(lines_of(frames, 0, 2500));
        {
            RunningIndexer dying(database.url(), sim.url(),
                                 quick({{"SUBCULTS_CRASH_AT", std::string(place) + ":2"},
                                        {"SUBCULTS_CRASH_REPORT", report}}),
                                 "subcults-indexer-crashing");
            eventually("it is connected", [&] { return connected_to(dying, sim); });
            REQUIRE(order(database, 1, 2500, {"--detach"}).status == 0);
            CHECK(dying.process().wait() == 128 + SIGKILL);
            REQUIRE(std::filesystem::exists(report));
        }
        CHECK(row(database, "status") == "running");
        CHECK(std::stol(row(database, "position_us")) > time_of(1));
        CHECK(std::stol(row(database, "position_us")) < time_of(2500));
        RunningIndexer indexer(database.url(), sim.url(), quick());
        const auto watched = run_indexer(database, {"backfill", "--watch", "1", "--json"});
        INFO(watched.output);
        CHECK(watched.status == 0);
        CHECK(differences(database, fold_frames(frames)) == 0);
        CHECK(std::stol(row(database, "runs")) >= 2);
        CHECK(indexer.metric("background_job_errors_total{job_type=\"index_backfill\",error_type="
                             "\"timeout\"}") == 1);
    }
}

TEST_CASE("the live stream is written on while a backfill runs, and both end at the same truth") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(84, 60, 6000);
    RunningSim sim({});
    sim.append(lines_of(frames, 0, 4000));
    RunningIndexer indexer(database.url(), sim.url(), quick());
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    REQUIRE(order(database, 1, 6000, {"--detach"}).status == 0);
    for (std::size_t at_frame = 4000; at_frame < 6000; at_frame += 100) {
        sim.append(lines_of(frames, at_frame, at_frame + 100));
        eventually("it is stored live",
                   [&] { return committed_to(database, time_of(at_frame + 100)); });
    }
    CHECK(run_indexer(database, {"backfill", "--watch", "1"}).status == 0);
    CHECK(differences(database, fold_frames(frames)) == 0);
    CHECK(indexer.metric("indexer_database_writes_failed_total") == 0);
}

TEST_CASE("an operator can list backfills and cancel one that nobody has finished") {
    const TestDatabase database = TestDatabase::migrated();
    // No indexer runs.
    REQUIRE(order(database, 1, 100, {"--detach"}).status == 0);
    const auto listed = run_indexer(database, {"backfill", "--list"});
    CHECK(listed.status == 0);
    CHECK(listed.output.find("backfill 1: waiting, 0 %") != std::string::npos);
    CHECK(run_indexer(database, {"backfill", "--cancel", "1"}).status == 0);
    CHECK(row(database, "status") == "cancelled");
    CHECK(run_indexer(database, {"backfill", "--cancel", "1"}).status == 1);
    CHECK(run_indexer(database, {"backfill", "--watch", "1"}).status == 1);
}

TEST_CASE("the command refuses times that make no sense") {
    const TestDatabase database = TestDatabase::migrated();
    const std::vector<std::vector<std::string>> mistakes{
        {"backfill"},
        {"backfill", "--from", "yesterday"},
        {"backfill", "--from", "1h", "--to", "2h"},
        {"backfill", "--from", "1h", "--to", "9999-01-01T00:00:00Z"},
        {"backfill", "--from", "1970-01-02T00:00:00Z", "--to", "1h"},
        {"backfill", "--to", "1h"},
        {"backfill", "--list", "--cancel", "1"}};
    for (const auto& arguments : mistakes)
        CHECK(run_indexer(database, arguments).status == 2);
    CHECK(database.execute("SELECT count(*) FROM index_backfills") == "0");
}

TEST_CASE("an indexer refuses a silence that does not fit into one run twice") {
    const TestDatabase database = TestDatabase::migrated();
    const auto refused =
        run_indexer(database, {}, quiet_after(21, {{"INDEXER_LISTEN", "127.0.0.1:0"}}));
    CHECK(refused.status == 2);
    CHECK(refused.output.find("INDEXER_BACKFILL_QUIET_SECONDS") != std::string::npos);
}

TEST_CASE("a Jetstream that is away fails a run with its reason and the order stays") {
    const TestDatabase database = TestDatabase::migrated();
    RunningIndexer indexer(database.url(), "ws://127.0.0.1:9/subscribe", quick());
    REQUIRE(order(database, 1, 100, {"--detach"}).status == 0);
    eventually("a run has failed", [&] { return backfill_runs(indexer, "failure") >= 1; });
    CHECK(indexer.metric("background_job_errors_total{job_type=\"index_backfill\",error_type="
                         "\"network_error\"}") >= 1);
    CHECK(row(database, "status") == "running");
    eventually("the operator sees it", [&] {
        const auto listed = run_indexer(database, {"backfill", "--list"});
        return listed.output.find("last run failed: network_error") != std::string::npos;
    });
}
