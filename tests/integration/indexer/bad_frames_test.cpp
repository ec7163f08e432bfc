#include "integration/indexer/database_fold.hpp"
#include "integration/indexer/running_indexer.hpp"

#include <catch2/catch.hpp>

using namespace subcults::test;

namespace {

// A scene that its lexicon accepts.
std::string scene(const std::string& name) {
    return "{\"name\":\"" + name +
           R"(","coarseGeohash":"u33d","createdAt":"2026-07-04T14:38:08Z"})";
}

std::string commit(const std::string& rkey, const std::string& record,
                   const std::string& collection = "tv.subcult.scene") {
    return R"({"did":"did:plc:wq4aajammjtxdomz3e23667t","time_us":1783175888085434,"kind":"commit",)"
           R"("commit":{"rev":"3mptbypluud2a","operation":"create","collection":")" +
           collection + R"(","rkey":")" + rkey + R"(","record":)" + record +
           R"(,"cid":"bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i"}})";
}

}  // namespace

TEST_CASE("frames that cannot be processed are counted, kept, and do not stop the stream") {
    const std::string deep =
        "{\"name\":\"x\",\"a\":" + std::string(3000, '[') + std::string(3000, ']') + "}";
    const std::vector<std::string> bad{
        "{",
        "nonsense",
        "not UTF-8: \xff\xfe\x80",
        commit("bytes", "{\"name\":\"\xc3\x28\"}"),
        "[]",
        "null",
        R"({"did":"did:plc:a"})",
        R"({"did":5,"time_us":1783175888085434,"kind":"commit"})",
        R"({"did":"did:plc:wq4aajammjtxdomz3e23667t","time_us":1783175888085434,"kind":"surprise"})",
        R"({"did":"did:plc:wq4aajammjtxdomz3e23667t","time_us":"soon","kind":"commit"})",
        commit("bad key!", R"({"name":"x"})"),
        commit("nul", R"({"name":"a\u0000b"})"),
        commit("lone-high", R"({"name":"\ud800"})"),
        commit("lone-low", R"({"name":"\udc00"})"),
        commit("number", R"({"name":"x","n":1e200000})"),
        commit("deep", deep),
        commit("not-an-object", "[1]"),
        commit("no-name", R"({"coarseGeohash":"u33d","createdAt":"2026-07-04T14:38:08Z"})"),
    };
    std::vector<std::string> frames;
    for (std::size_t i = 0; i < bad.size(); ++i) {
        frames.push_back(bad[i]);
        frames.push_back(commit("good" + std::to_string(i), scene("Good")));
    }
    const TestDatabase database = TestDatabase::migrated();
    const TemporaryDirectory directory;
    RunningSim sim({"--file", write_lines(directory.path() / "events", frames)});
    RunningIndexer indexer(database.url(), sim.url());
    const auto good = static_cast<double>(bad.size());
    eventually("all frames are done with", [&] {
        return indexer.metric("indexer_messages_processed_total") +
                   indexer.metric("indexer_messages_error_total") ==
               2 * good;
    });
    CHECK(indexer.metric("indexer_messages_error_total") == good);
    CHECK(indexer.metric("indexer_messages_processed_total") == good);
    CHECK(database.execute("SELECT count(*) FROM quarantined_events") ==
          std::to_string(bad.size()));
    CHECK(database.execute("SELECT count(*) FROM scenes WHERE deleted_at IS NULL") ==
          std::to_string(bad.size()));
    CHECK(database.execute("SELECT count(*) FROM quarantined_events WHERE raw = 'nonsense'") ==
          "1");
    CHECK(database.execute("SELECT reason || ' ' || path FROM quarantined_events"
                           " WHERE position('no-name'::bytea in raw) > 0") ==
          "invalid_record record.name");
    CHECK(indexer.metric("indexer_quarantined_total{reason=\"invalid_record\"}") == 1);
    CHECK(indexer.metric("indexer_quarantined_total{reason=\"unstorable_record\"}") >= 4);

    // The same frames again are the same rows.
    sim.append(bad[1] + "\n");
    eventually("the repetition is counted", [&] {
        return database.execute("SELECT seen FROM quarantined_events WHERE raw = 'nonsense'") ==
               "2";
    });
    CHECK(database.execute("SELECT count(*) FROM quarantined_events") ==
          std::to_string(bad.size()));
}

TEST_CASE("an event that only the database refuses is isolated and set aside") {
    const TestDatabase database = TestDatabase::migrated();
    database.execute("ALTER TABLE records ADD CONSTRAINT poison CHECK (rkey <> 'poison')");
    std::vector<std::string> frames;
    for (int i = 0; i < 40; ++i) {
        frames.push_back(commit(i == 17 ? "poison" : "r" + std::to_string(i), scene("X")));
    }
    const TemporaryDirectory directory;
    RunningSim sim({"--file", write_lines(directory.path() / "events", frames)});
    RunningIndexer indexer(database.url(), sim.url());
    eventually("all frames are done with", [&] {
        return indexer.metric("indexer_messages_processed_total") == 39 &&
               indexer.metric("indexer_messages_error_total") == 1;
    });
    CHECK(database.execute("SELECT count(*) FROM records") == "39");
    CHECK(database.execute("SELECT count(*) FROM scenes") == "39");
    CHECK(database.execute("SELECT reason FROM quarantined_events") == "rejected_by_database");
    CHECK(indexer.metric("indexer_database_writes_failed_total") >= 1);
    // Each transaction is a run of a job, those that fail included.
    const std::string job = "{job_type=\"index_processing\",";
    CHECK(indexer.metric("background_jobs_total" + job + "status=\"success\"}") >=
          indexer.metric("indexer_batches_total"));
    CHECK(indexer.metric("background_jobs_total" + job + "status=\"failure\"}") ==
          indexer.metric("indexer_database_writes_failed_total"));
    CHECK(indexer.metric("background_job_errors_total" + job +
                         "error_type=\"validation_error\"}") >= 1);
    CHECK(indexer.metric("background_job_running{job_type=\"index_processing\"}") == 1);
}

TEST_CASE("only wanted collections are stored, by exact name and by prefix") {
    const TestDatabase database = TestDatabase::migrated();
    const std::vector<std::string> frames{
        commit("a", scene("X"), "tv.subcult.scene"),
        commit("b", R"({"name":"X","kind":"artist","createdAt":"2026-07-04T14:38:08Z"})",
               "tv.subcult.profile"),
        commit("c", scene("X"), "app.bsky.feed.post"),
        commit("d", scene("X"), "app.subcult.scene"),
        commit("e", scene("X"), "tv.subcultother.scene"),
    };
    const TemporaryDirectory directory;
    RunningSim sim({"--file", write_lines(directory.path() / "events", frames)});
    RunningIndexer indexer(database.url(), sim.url(),
                           {{"JETSTREAM_COLLECTIONS", "tv.subcult.*,app.subcult.scene"}});
    eventually("the wanted ones are stored",
               [&] { return indexer.metric("indexer_messages_processed_total") == 3; });
    CHECK(database.execute("SELECT string_agg(rkey, '' ORDER BY rkey) FROM records") == "abd");
}
