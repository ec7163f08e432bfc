// What may happen to a backfill on its way: cancelled, overtaken, refused by the database, cut off
// from its server.
#include "integration/indexer/backfills.hpp"

#include <catch2/catch.hpp>

#include <chrono>

using namespace subcults::test;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 30s;

std::string did_of(int number) {
    std::string did = "did:plc:";
    for (int i = 0; i < 24; ++i)
        did += static_cast<char>('a' + number % 26);
    return did;
}

void eventually_at(const TestDatabase& database, int id, std::size_t frame) {
    eventually("the backfill has come so far", [&] {
        return row_of(database, id, "position_us") == std::to_string(time_of(frame));
    });
}

void eventually_completed(const TestDatabase& database, int id) {
    eventually(
        "the backfill is completed", [&] { return row_of(database, id, "status") == "completed"; },
        patience);
}

}  // namespace

TEST_CASE("a backfill cancelled in the middle stays where it was, and the next one begins") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(85, 40, 2000);
    RunningSim sim({});
    sim.append(lines_of(frames, 0, 1000));
    // Either more is to be written when it is cancelled, or all it has to do is to be completed:
    // its last frame is beyond its end, and what is before that is not read again.
    const bool more = GENERATE(true, false);
    const std::size_t last = more ? 1000 : 10'000;
    if (!more) sim.append(record_frame(did_of(1), last, "3mptbypluud2a", "late"));
    // Before anybody is there to be told of them one after the other.
    REQUIRE(order(database, 1, more ? 2000 : 1000, {"--detach"}).status == 0);
    REQUIRE(order(database, 1, 500, {"--detach"}).status == 0);
    RunningIndexer indexer(database.url(), sim.url(), quiet_after(4));
    eventually_at(database, 1, last);
    REQUIRE(run_indexer(database, {"backfill", "--cancel", "1"}).status == 0);
    if (more) sim.append(lines_of(frames, 1000, 2000));
    // Long before the job's next turn.
    eventually_completed(database, 2);
    CHECK(row_of(database, 1, "status") == "cancelled");
    CHECK(row_of(database, 1, "position_us") == std::to_string(time_of(last)));
    CHECK(backfill_runs(indexer, "failure") == 0);
}

TEST_CASE("a run that another process has overtaken writes neither rows nor a position") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(86, 40, 2500);
    RunningSim sim({});
    sim.append(lines_of(frames, 0, 2500));
    RunningIndexer indexer(database.url(), sim.url(), quiet_after(5));
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    sim.stall();
    REQUIRE(order(database, 1, 2500, {"--detach"}).status == 0);
    eventually("the backfill waits for its first frame",
               [&] { return sim.stat("subscribers") == 2; });
    // As by a process that believes that this one hangs.
    database.execute(
        "UPDATE background_jobs SET epoch = epoch + 1, holder = 'another', leased_until ="
        " now() + interval '1 hour' WHERE job_type = 'index_backfill'");
    sim.resume();
    eventually("the run has ended", [&] {
        return indexer.metric("background_job_running{job_type=\"index_backfill\"}") == 0;
    });
    eventually("it knows why", [&] {
        return indexer.process().output().find("a run lost its lease") != std::string::npos;
    });
    CHECK(row(database, "status") == "running");
    CHECK(row(database, "position_us").empty());
    CHECK(row(database, "events") == "0");
    CHECK(database.execute("SELECT count(*) FROM records") == "0");
    CHECK(backfill_runs(indexer, "failure") == 0);

    database.execute(
        "UPDATE background_jobs SET leased_until = NULL, requested_at = now()"
        " WHERE job_type = 'index_backfill'");
    eventually_completed(database, 1);
    CHECK(differences(database, fold_frames(frames)) == 0);
}

TEST_CASE("an event that the database refuses is set aside alone, its neighbours are written") {
    const TestDatabase database = TestDatabase::migrated();
    database.execute("ALTER TABLE records ADD CONSTRAINT poison CHECK (rkey NOT LIKE 'poison%')");
    RunningSim sim({});
    std::string lines;
    for (int i = 1; i <= 40; ++i) {
        const std::string rkey = (i == 7 || i == 30 ? "poison" : "good") + std::to_string(i);
        lines += record_frame(did_of(i), static_cast<std::size_t>(i), "3mptbypluud2a", rkey);
    }
    sim.append(lines);
    RunningIndexer indexer(database.url(), sim.url(), quiet_after(1));
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    REQUIRE(order(database, 1, 40).status == 0);
    CHECK(database.execute("SELECT count(*) FROM records WHERE rkey LIKE 'good%'") == "38");
    CHECK(database.execute("SELECT string_agg(rkey || ' ' || reason, ',' ORDER BY rkey)"
                           " FROM quarantined_events") ==
          "poison30 rejected_by_database,poison7 rejected_by_database");
    CHECK(std::stol(row(database, "set_aside")) >= 2);
    CHECK(row(database, "position_us") == std::to_string(time_of(40)));
    CHECK(backfill_runs(indexer, "failure") == 0);
}

TEST_CASE("what a backfill sets aside stays within the quarantine's bound") {
    const TestDatabase database = TestDatabase::migrated();
    database.execute(
        "INSERT INTO quarantined_events (fingerprint, consumer, reason, raw_bytes, last_seen)"
        " SELECT sha256(convert_to(i::text, 'UTF8')), 'indexer', 'old', 0,"
        " now() - interval '1 hour' FROM generate_series(1, 10050) AS g(i)");
    RunningSim sim({});
    sim.append(record_frame(did_of(1), 1, "3mptbypluud2a", "bad", "app.subcult.post",
                            R"({"text":17,"sceneId":"s"})"));
    RunningIndexer indexer(database.url(), sim.url(), quiet_after(1));
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    REQUIRE(order(database, 1, 1000).status == 0);
    CHECK(database.execute("SELECT count(*) FROM quarantined_events") == "10000");
    CHECK(database.execute("SELECT count(*) FROM quarantined_events WHERE reason <> 'old'") == "1");
}

TEST_CASE("a backfill whose server goes away goes on at another one") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(87, 40, 2000);
    RunningSim first({});
    RunningSim second({});
    first.append(lines_of(frames, 0, 1000));
    const bool has_the_rest = GENERATE(true, false);
    if (has_the_rest) second.append(lines_of(frames, 0, 2000));
    RunningIndexer indexer(database.url(), first.url() + "," + second.url(), quiet_after(3));
    eventually("it is connected", [&] { return connected_to(indexer, first); });
    REQUIRE(order(database, 1, has_the_rest ? 2000 : 1000, {"--detach"}).status == 0);
    eventually_at(database, 1, 1000);
    REQUIRE(row(database, "host") == host_of(first));
    first.process().kill();
    eventually_completed(database, 1);
    CHECK(backfill_runs(indexer, "failure") >= 1);
    if (has_the_rest) {
        CHECK(row(database, "host") == host_of(second));
        CHECK(row(database, "position_us") == std::to_string(time_of(2000)));
        CHECK(row(database, "missing_seconds") == "0");
        CHECK(differences(database, fold_frames(frames)) == 0);
    } else {
        // Nothing came from the second: the position is the first one's still.
        CHECK(row(database, "host") == host_of(first));
        CHECK(row(database, "position_us") == std::to_string(time_of(1000)));
    }
}
