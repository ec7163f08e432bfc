// The main job on real input: the production sample, served by jetstream-sim, becomes rows.
#include "integration/indexer/database_fold.hpp"
#include "integration/indexer/running_indexer.hpp"
#include "support/skip.hpp"

#include <catch2/catch.hpp>

#include <csignal>

using namespace subcults::test;

namespace {

double done_with(const RunningIndexer& indexer) {
    return indexer.metric("indexer_messages_processed_total") +
           indexer.metric("indexer_messages_error_total");
}

}  // namespace

TEST_CASE("the real sample ends as exactly its fold, and a second pass changes nothing") {
    const auto file = real_events_file();
    if (file.empty()) return report_skipped("the real sample events are not at hand");
    const ExpectedFold expected = fold_frames(read_lines(file.string()));
    REQUIRE(expected.live() == 146);

    const TestDatabase database = TestDatabase::migrated();
    {
        RunningSim sim({"--file", file.string()});
        RunningIndexer indexer(database.url(), sim.url());
        eventually("all 152 events are committed", [&] { return done_with(indexer) == 152; });
        CHECK(indexer.metric("indexer_messages_processed_total") == 152);
        CHECK(indexer.metric("indexer_upserts_total") ==
              static_cast<double>(expected.records.size()));
        indexer.process().signal(SIGTERM);
        CHECK(indexer.process().wait() == 0);
    }
    CHECK(stored_records(database) == expected.records);
    CHECK(database.execute("SELECT count(*) FROM records WHERE deleted_at IS NULL") == "146");

    const std::string before = database.execute(
        "SELECT md5(string_agg(r::text || xmin::text, '|' ORDER BY did, collection, rkey))"
        " FROM records r");
    {
        RunningSim sim({"--file", file.string()});
        RunningIndexer indexer(database.url(), sim.url());
        eventually("the second pass is committed", [&] { return done_with(indexer) >= 152; });
        CHECK(indexer.metric("indexer_upserts_total") == 0);
        CHECK(indexer.metric("indexer_duplicates_total") ==
              static_cast<double>(expected.records.size()));
    }
    // Not even rewritten: the rows' transaction ids are those of the first pass.
    CHECK(database.execute("SELECT md5(string_agg(r::text || xmin::text, '|' ORDER BY did,"
                           " collection, rkey)) FROM records r") == before);
}

TEST_CASE("killed half-way and started again, the indexer ends at the same fold") {
    const auto file = real_events_file();
    if (file.empty()) return report_skipped("the real sample events are not at hand");
    const ExpectedFold expected = fold_frames(read_lines(file.string()));

    const TestDatabase database = TestDatabase::migrated();
    RunningSim sim({"--file", file.string(), "--rate", "100"});
    {
        RunningIndexer indexer(database.url(), sim.url());
        eventually("about half is stored", [&] {
            return std::stol(database.execute("SELECT count(*) FROM records")) >= 70;
        });
        indexer.process().kill();
    }
    const long at_kill = std::stol(database.execute("SELECT count(*) FROM records"));
    REQUIRE(at_kill < static_cast<long>(expected.records.size()));
    RunningIndexer indexer(database.url(), sim.url());
    eventually("everything is published and stored", [&] {
        return std::stoul(database.execute("SELECT count(*) FROM records")) ==
               expected.records.size();
    });
    eventually("the cursor is at the end", [&] {
        return database.execute("SELECT time_us >= 1783175888384849 FROM jetstream_cursors") == "t";
    });
    CHECK(stored_records(database) == expected.records);
}
