// Who writes a shard, and what happens when that changes: takeover, fencing, another layout.
#include "integration/indexer/streams.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <csignal>

using namespace subcults::test;

namespace {

std::string phase(const RunningIndexer& indexer) {
    return status_of(indexer)["writer"].GetString();
}

}  // namespace

TEST_CASE("a writer that hangs is replaced within seconds, and stands by when it wakes up") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(21, 80, 3000);
    RunningSim sim({});
    RunningIndexer first(database.url(), sim.url());
    eventually("the first one writes", [&] { return first.metric("indexer_writing") == 1; });
    RunningIndexer second(database.url(), sim.url());
    eventually("the second one stands by", [&] { return phase(second) == "standby"; });
    sim.append(lines_of(frames, 0, 1000));
    eventually("the first part is stored", [&] { return committed_to(database, time_of(1000)); });
    CHECK(second.metric("indexer_messages_processed_total") == 0);
    // Who does not write does not read either.
    CHECK(sim.stat("subscribers") == 1);

    first.process().signal(SIGSTOP);
    const auto stopped = std::chrono::steady_clock::now();
    sim.append(lines_of(frames, 1000, 2000));
    eventually("the second part is stored", [&] { return committed_to(database, time_of(2000)); });
    const auto taken = std::chrono::steady_clock::now() - stopped;
    CHECK(taken < std::chrono::seconds(15));
    CHECK(second.metric("indexer_writing") == 1);

    const double before = second.metric("indexer_messages_processed_total");
    first.process().signal(SIGCONT);
    eventually("the first one stands by", [&] { return phase(first) == "standby"; });
    CHECK(first.metric("indexer_writing") == 0);
    sim.append(lines_of(frames, 2000, 3000));
    eventually("the third part is stored", [&] { return committed_to(database, time_of(3000)); });
    // The row is there a moment before the writer has read that it is.
    eventually("the second one has counted it",
               [&] { return second.metric("indexer_messages_processed_total") >= before + 1000; });
    CHECK(first.metric("indexer_messages_processed_total") <= 1000);
    CHECK(differences(database, fold_frames(frames)) == 0);

    // And back again, this time because the second one is killed.
    second.process().kill();
    eventually(
        "the first one writes again", [&] { return first.metric("indexer_writing") == 1; },
        std::chrono::seconds(5));
}

TEST_CASE("a process that counts shards differently refuses to start") {
    const TestDatabase database = TestDatabase::migrated();
    RunningSim sim({});
    RunningIndexer indexer(database.url(), sim.url());
    eventually("it writes", [&] { return indexer.metric("indexer_writing") == 1; });

    const Outcome other = run_indexer(database, {},
                                      {{"INDEXER_SHARD", "0/2"},
                                       {"INDEXER_LISTEN", "127.0.0.1:0"},
                                       {"JETSTREAM_URL", sim.url()}});
    INFO(other.output);
    CHECK(other.status == 1);
    CHECK(other.output.find("subcults-indexer reshard") != std::string::npos);
    CHECK(indexer.metric("indexer_writing") == 1);
}

TEST_CASE("resharding waits for every indexer to stop, and nothing is lost by it") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(22, 80, 3000);
    RunningSim sim({});
    {
        RunningIndexer indexer(database.url(), sim.url());
        eventually("it writes", [&] { return indexer.metric("indexer_writing") == 1; });
        sim.append(lines_of(frames, 0, 1000));
        eventually("the first part is stored",
                   [&] { return committed_to(database, time_of(1000)); });
        const Outcome refused = run_indexer(database, {"reshard", "2"});
        CHECK(refused.status == 1);
        CHECK(refused.output.find("stop every indexer first") != std::string::npos);
        indexer.process().signal(SIGTERM);
        CHECK(indexer.process().wait() == 0);
    }
    // A holder that is gone counts as running until its last sign of life has aged.
    database.execute("UPDATE indexer_shards SET heartbeat_at = now() - interval '11 seconds'");
    const Outcome changed = run_indexer(database, {"reshard", "2"});
    INFO(changed.output);
    CHECK(changed.status == 0);
    CHECK(database.execute("SELECT count(*) FROM jetstream_cursors") == "2");

    sim.append(lines_of(frames, 1000, 2000));
    const auto shard = [&](const char* which) {
        return RunningIndexer(database.url(), sim.url(), {{"INDEXER_SHARD", which}});
    };
    {
        RunningIndexer one = shard("0/2");
        RunningIndexer two = shard("1/2");
        sim.append(lines_of(frames, 2000, 3000));
        eventually("both have got to the end",
                   [&] { return committed_to(database, time_of(3000)); });
        CHECK(one.metric("indexer_messages_processed_total") > 0);
        CHECK(two.metric("indexer_messages_processed_total") > 0);
        CHECK(differences(database, fold_frames(frames)) == 0);
        one.process().signal(SIGTERM);
        two.process().signal(SIGTERM);
        CHECK(one.process().wait() == 0);
        CHECK(two.process().wait() == 0);
    }

    // Back to one, from where the slower of the two stood.
    database.execute("UPDATE indexer_shards SET heartbeat_at = now() - interval '11 seconds'");
    database.execute("UPDATE jetstream_cursors SET time_us = time_us - 1500000 WHERE shard = 1");
    const std::string slower = database.execute("SELECT min(time_us) FROM jetstream_cursors");
    CHECK(run_indexer(database, {"reshard", "1"}).status == 0);
    CHECK(database.execute("SELECT max(time_us) FROM jetstream_cursors") == slower);
    CHECK(database.execute("SELECT count(*) FROM jetstream_cursors") == "1");
}
