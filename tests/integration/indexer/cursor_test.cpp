// Where reading resumes, and what is made of servers that forget, compress or count anew.
#include "integration/indexer/streams.hpp"
#include "support/zstd_frames.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <fstream>

using namespace subcults::test;

namespace {

std::string dictionary_file(const TemporaryDirectory& directory, const std::string& content) {
    const auto path = directory.path() / "dictionary";
    std::ofstream(path, std::ios::binary) << content;
    return path.string();
}

}  // namespace

TEST_CASE("a cut connection and a restart both resume five seconds before the position") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(41, 40, 200);
    RunningSim sim({});
    {
        RunningIndexer indexer(database.url(), sim.url());
        eventually("it is connected", [&] { return connected_to(indexer, sim); });
        CHECK_FALSE(sim.last_cursor().has_value());
        sim.append(lines_of(frames, 0, 100));
        eventually("a part is stored", [&] { return committed_to(database, time_of(100)); });
        sim.drop_connections();
        eventually("it is connected again", [&] { return sim.connections_total() == 2; });
        CHECK(sim.last_cursor() == time_of(100) - 5'000'000);
        eventually("what came again is recognised",
                   [&] { return indexer.metric("indexer_redelivered_total") == 100; });
        indexer.process().signal(SIGTERM);
        CHECK(indexer.process().wait() == 0);
    }
    sim.append(lines_of(frames, 100, 200));
    RunningIndexer indexer(database.url(), sim.url());
    eventually("everything is stored", [&] { return committed_to(database, time_of(200)); });
    CHECK(sim.last_cursor() == time_of(100) - 5'000'000);
    CHECK(indexer.metric("indexer_gaps_total") == 0);
    CHECK(differences(database, fold_frames(frames)) == 0);
}

TEST_CASE("within one run reading resumes from what is queued, not from what is committed") {
    TestPostgres server;
    const TestDatabase database(server.url());
    Process migrate({program("subcults-api"), "migrate"}, {{"DATABASE_URL", database.url()}});
    REQUIRE(migrate.wait() == 0);
    const auto frames = generated_frames(42, 40, 300);
    RunningSim sim({});
    RunningIndexer indexer(database.url(), sim.url());
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    sim.append(lines_of(frames, 0, 100));
    eventually("a part is stored", [&] { return committed_to(database, time_of(100)); });

    server.stop(TestPostgres::Stop::immediate);
    sim.append(lines_of(frames, 100, 200));
    eventually("the next part is received",
               [&] { return sim.stat("sent") == 200 && connected_to(indexer, sim); });
    eventually("it is queued", [&] {
        return indexer.metric("indexer_last_event_time_seconds") >=
               static_cast<double>(time_of(200)) / 1e6 - 1e-4;
    });
    sim.drop_connections();
    eventually("it is connected again", [&] { return sim.connections_total() == 2; });
    CHECK(sim.last_cursor() == time_of(200) - 5'000'000);
    CHECK(indexer.metric("indexer_cursor_time_seconds") < static_cast<double>(time_of(101)) / 1e6);

    server.start();
    sim.append(lines_of(frames, 200, 300));
    eventually("everything is stored", [&] { return committed_to(database, time_of(300)); });
    CHECK(differences(database, fold_frames(frames)) == 0);
}

TEST_CASE("what a server has forgotten is counted as a gap with its span, and logged") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(43, 40, 400);
    RunningSim sim({});
    RunningIndexer indexer(database.url(), sim.url());
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    sim.append(lines_of(frames, 0, 100));
    eventually("a part is stored", [&] { return committed_to(database, time_of(100)); });

    sim.refuse(503, {}, 1000);
    sim.drop_connections();
    sim.append(lines_of(frames, 100, 300));
    sim.forget(time_of(300) + 1);
    CHECK(sim.stat("forgotten") == 300);
    sim.append(lines_of(frames, 300, 400));
    sim.refuse(503, {}, 0);
    eventually("the rest is stored", [&] { return committed_to(database, time_of(400)); });
    CHECK(indexer.metric("indexer_gaps_total") == 1);
    CHECK(indexer.metric("indexer_gap_seconds_total") ==
          Approx(static_cast<double>(time_of(301) - time_of(100)) / 1e6));
    CHECK(occurrences(indexer.process().output(), "part of the stream is missing") == 1);
    CHECK(status_of(indexer)["counts"]["gaps"].GetInt64() == 1);
}

TEST_CASE("a compressed stream ends in the same rows, and damaged frames are set aside") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(44, 60, 1000);
    const TemporaryDirectory directory;
    const std::string dictionary = dictionary_file(directory, make_zstd_dictionary(4711));
    RunningSim sim({"--zstd-dictionary", dictionary});
    RunningIndexer indexer(database.url(), sim.url(), {{"JETSTREAM_ZSTD_DICTIONARY", dictionary}});
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    CHECK(status_of(indexer)["connection"]["compressed"].GetBool());
    sim.append(lines_of(frames, 0, 500));
    sim.damage(3);
    sim.append(lines_of(frames, 500, 1000));
    eventually("everything is stored", [&] { return committed_to(database, time_of(1000)); });
    CHECK(sim.stat("sent_compressed") == 1000);
    CHECK(sim.stat("damaged") == 3);
    CHECK(indexer.metric("indexer_quarantined_total{reason=\"malformed_compression\"}") == 3);
    CHECK(indexer.metric("indexer_received_bytes_total") <
          indexer.metric("indexer_decoded_bytes_total"));
    CHECK(sim.connections_total() == 1);
    CHECK(differences(database, fold_frames(frames)) == 0);
}

TEST_CASE("a server that refuses compression is read uncompressed, with one warning") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(45, 40, 100);
    const TemporaryDirectory directory;
    const std::string dictionary = dictionary_file(directory, make_zstd_dictionary(4711));
    RunningSim sim({"--v2-host"});
    RunningIndexer indexer(database.url(), sim.url(), {{"JETSTREAM_ZSTD_DICTIONARY", dictionary}});
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    sim.append(lines_of(frames, 0, 100));
    sim.drop_connections();
    eventually("it is connected again", [&] { return sim.connections_total() == 2; });
    const auto requests = sim.requests();
    REQUIRE(requests.size() == 3);
    CHECK(requests[0].status == 400);
    CHECK(requests[0].query.find("compress=true") != std::string::npos);
    CHECK(requests[1].query.find("compress") == std::string::npos);
    CHECK(requests[2].query.find("compress") == std::string::npos);
    CHECK(occurrences(indexer.process().output(), "reading a server uncompressed") == 1);
    CHECK_FALSE(status_of(indexer)["connection"]["compressed"].GetBool());
}

TEST_CASE("a server that compresses with another dictionary is read uncompressed, with no loss") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(46, 40, 200);
    const TemporaryDirectory ours;
    const TemporaryDirectory theirs;
    RunningSim sim({"--zstd-dictionary", dictionary_file(theirs, make_zstd_dictionary(1, 7000))});
    {
        RunningIndexer plain(database.url(), sim.url());
        eventually("it is connected", [&] { return connected_to(plain, sim); });
        sim.append(lines_of(frames, 0, 100));
        eventually("a part is stored", [&] { return committed_to(database, time_of(100)); });
    }
    RunningIndexer indexer(
        database.url(), sim.url(),
        {{"JETSTREAM_ZSTD_DICTIONARY", dictionary_file(ours, make_zstd_dictionary(2))}});
    eventually("it comes back uncompressed", [&] { return sim.connections_total() == 3; });
    sim.append(lines_of(frames, 100, 200));
    eventually("the rest is stored", [&] { return committed_to(database, time_of(200)); });
    CHECK(sim.stat("sent_compressed") > 0);
    CHECK(indexer.metric("indexer_reconnections_by_reason_total{reason=\"compression\"}") == 1);
    CHECK(indexer.metric("indexer_messages_error_total") == 0);
    CHECK(differences(database, fold_frames(frames)) == 0);
}

TEST_CASE("a dictionary that is none is a mistake in the configuration") {
    const TemporaryDirectory directory;
    for (const std::string& path :
         {directory.path().string() + "/missing", dictionary_file(directory, "no dictionary")}) {
        Process process({program("subcults-indexer")}, {{"DATABASE_URL", "postgresql:///none"},
                                                        {"JETSTREAM_ZSTD_DICTIONARY", path},
                                                        {"INDEXER_SHARD", "2/2"}});
        CHECK(process.wait() == 2);
        CHECK(process.output().find("JETSTREAM_ZSTD_DICTIONARY") != std::string::npos);
        CHECK(process.output().find("INDEXER_SHARD") != std::string::npos);
    }
}

TEST_CASE("a numbered stream is resumed by number, and by time after a restart") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(47, 40, 300);
    RunningSim sim({"--v2-host", "--first-seq", "20000"});
    {
        RunningIndexer indexer(database.url(), sim.url());
        eventually("it is connected", [&] { return connected_to(indexer, sim); });
        sim.append(lines_of(frames, 0, 200));
        eventually("a part is queued",
                   [&] { return indexer.metric("indexer_messages_processed_total") == 200; });
        sim.drop_connections();
        eventually("it is connected again", [&] { return sim.connections_total() == 2; });
        CHECK(sim.last_cursor() == 20'000 + 199 - 12'288);
        CHECK(status_of(indexer)["connection"]["endpoints"].Size() == 1);
        eventually("what came again is recognised",
                   [&] { return indexer.metric("indexer_redelivered_total") == 200; });
        CHECK(indexer.metric("indexer_seq_regressions_total") == 0);
        indexer.process().kill();
    }
    RunningIndexer indexer(database.url(), sim.url());
    eventually("it is connected", [&] { return sim.connections_total() == 3; });
    REQUIRE(sim.last_cursor());
    CHECK(*sim.last_cursor() > 1'000'000'000'000'000);
    sim.append(lines_of(frames, 200, 300));
    eventually("everything is stored",
               [&] { return differences(database, fold_frames(frames)) == 0; });
    CHECK(indexer.metric("indexer_gaps_total") == 0);
}

TEST_CASE("numbers that come back with other events are found out, and nothing is lost") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(48, 40, 600);
    RunningSim sim({"--v2-host"});
    RunningIndexer indexer(database.url(), sim.url());
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    sim.append(lines_of(frames, 0, 300));
    eventually("a part is processed",
               [&] { return indexer.metric("indexer_messages_processed_total") == 300; });
    sim.regress(50, true);
    eventually("it is found out",
               [&] { return indexer.metric("indexer_seq_regressions_total") == 1; });
    CHECK(sim.stat("reassigned") > 0);
    eventually("it resumes by time",
               [&] { return sim.last_cursor().value_or(0) > 1'000'000'000'000'000; });
    sim.append(lines_of(frames, 300, 600));
    eventually("everything is stored",
               [&] { return differences(database, fold_frames(frames)) == 0; });
    CHECK(indexer.metric("indexer_seq_regressions_total") == 1);
    CHECK(occurrences(indexer.process().output(), "uses sequence numbers again") == 1);
}

TEST_CASE("a number in the server's future does not make it skip to live unnoticed") {
    constexpr std::size_t before = 13'000;
    constexpr std::size_t total = before + 400;
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(49, 200, total);
    RunningSim sim({"--v2-host"});
    RunningIndexer indexer(database.url(), sim.url());
    eventually("it is connected", [&] { return connected_to(indexer, sim); });
    for (std::size_t sent = 0; sent < before; sent += 1000)
        sim.append(lines_of(frames, sent, sent + 1000));
    eventually("a part is processed",
               [&] { return indexer.metric("indexer_messages_processed_total") >= before; });
    // More is lost than we go back: what comes next gets numbers below the one we ask for.
    sim.refuse(503, {}, 1000);
    sim.regress(static_cast<int>(before) - 100);
    sim.append(lines_of(frames, before, before + 200));
    const std::int64_t connections = sim.connections_total();
    sim.refuse(503, {}, 0);
    eventually("it is connected again", [&] { return sim.connections_total() > connections; });
    CHECK(sim.last_cursor() == static_cast<std::int64_t>(before) - 12'288);
    CHECK(sim.stat("next_seq") < *sim.last_cursor());
    // Only now something comes, and it comes live.
    sim.append(lines_of(frames, before + 200, total));
    eventually("it is found out",
               [&] { return indexer.metric("indexer_seq_regressions_total") == 1; });
    eventually("everything is stored",
               [&] { return differences(database, fold_frames(frames)) == 0; });
}

TEST_CASE("two shards divide the accounts exactly") {
    const TestDatabase database = TestDatabase::migrated();
    const auto frames = generated_frames(50, 200, 2000);
    RunningSim sim({});
    RunningIndexer first(database.url(), sim.url(), {{"INDEXER_SHARD", "0/2"}});
    RunningIndexer second(database.url(), sim.url(), {{"INDEXER_SHARD", "1/2"}});
    eventually("both are connected",
               [&] { return connected_to(first, sim) && connected_to(second, sim); });
    sim.append(lines_of(frames, 0, 2000));
    const auto done = [](const RunningIndexer& indexer) {
        return indexer.metric("indexer_messages_processed_total") +
               indexer.metric("indexer_messages_error_total");
    };
    eventually("everything is done", [&] { return done(first) + done(second) >= 2000; });
    eventually("both have come to the end", [&] { return committed_to(database, time_of(2000)); });
    CHECK(done(first) + done(second) == 2000);
    CHECK(done(first) > 400);
    CHECK(done(second) > 400);
    CHECK(differences(database, fold_frames(frames)) == 0);
}
