// What operators do about frames that were set aside, and what keeps a broken database from
// setting the whole stream aside.
#include "integration/indexer/database_fold.hpp"
#include "integration/indexer/running_indexer.hpp"

#include <catch2/catch.hpp>

#include <csignal>

using namespace subcults::test;

namespace {

constexpr std::int64_t start_us = 1'783'175'888'000'000;
constexpr const char* did = "did:plc:wq4aajammjtxdomz3e23667t";
const std::string old_rev = "3mptbypluud2a";
const std::string new_rev = "3mptbyqluud2a";

std::string scene(const std::string& rkey, int number, const std::string& rev = old_rev,
                  const std::string& name = "Basement") {
    return std::string(R"({"did":")") + did + R"(","time_us":)" +
           std::to_string(start_us + number) + R"(,"kind":"commit","commit":{"rev":")" + rev +
           R"(","operation":"create","collection":"tv.subcult.scene","rkey":")" + rkey +
           R"(","record":{"name":")" + name +
           R"(","coarseGeohash":"u33d","createdAt":"2026-07-04T14:38:08Z"},)"
           R"("cid":"bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i"}})";
}

Outcome quarantine(const TestDatabase& database, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "quarantine");
    return run_indexer(database, std::move(arguments));
}

rapidjson::Document as_json(const Outcome& outcome) {
    rapidjson::Document document;
    document.Parse(outcome.output.data(), outcome.output.size());
    REQUIRE_FALSE(document.HasParseError());
    return document;
}

void set_aside(const TestDatabase& database, const std::string& frame) {
    database.execute(
        "INSERT INTO quarantined_events (fingerprint, consumer, did, time_us, reason, raw,"
        " raw_bytes) SELECT sha256(f), 'indexer', '" +
        std::string(did) + "', " + std::to_string(start_us) +
        ", 'invalid_record', f, length(f) FROM (SELECT convert_to('" + frame +
        "', 'UTF8') AS f) x");
}

// Runs an indexer over these frames until `processed` of them are.
void process(const TestDatabase& database, const std::vector<std::string>& frames,
             double processed) {
    const TemporaryDirectory directory;
    RunningSim sim({"--file", write_lines(directory.path() / "events", frames)});
    RunningIndexer indexer(database.url(), sim.url());
    eventually("all frames are done with",
               [&] { return indexer.metric("indexer_messages_processed_total") == processed; });
    indexer.process().signal(SIGTERM);
    REQUIRE(indexer.process().wait() == 0);
}

}  // namespace

TEST_CASE("the quarantine can be read by people and by programs") {
    const TestDatabase database = TestDatabase::migrated();
    process(database, {"nonsense", R"({"did":"did:plc:a"})", scene("good", 1)}, 1);

    const Outcome text = quarantine(database, {"list"});
    CHECK(text.status == 0);
    CHECK(text.output.find("malformed_json") != std::string::npos);
    CHECK(text.output.find("2 in quarantine") != std::string::npos);

    const auto json =
        as_json(quarantine(database, {"list", "--json", "--reason", "malformed_json"}));
    REQUIRE(json["frames"].Size() == 1);
    CHECK(json["frames"][0]["can_be_retried"].GetBool());
    CHECK(json["frames"][0]["bytes"].GetInt64() == 8);
    CHECK(json["counts"]["malformed_json"].GetInt64() == 1);

    CHECK(quarantine(database, {"list", "--limit", "0"}).status == 2);
    CHECK(quarantine(database, {}).status == 2);
}

TEST_CASE("a frame that the database refused is taken in by a retry once the cause is gone") {
    const TestDatabase database = TestDatabase::migrated();
    database.execute("ALTER TABLE records ADD CONSTRAINT poison CHECK (rkey NOT LIKE 'poison%')");
    process(database, {scene("poison1", 1), scene("fine", 2), scene("poison2", 3)}, 1);
    CHECK(database.execute("SELECT count(*) FROM quarantined_events") == "2");

    const Outcome too_early = quarantine(database, {"retry"});
    CHECK(too_early.status == 0);
    CHECK(too_early.output.find("0 taken in, 2 refused again") != std::string::npos);
    CHECK(database.execute("SELECT count(*) FROM records") == "1");

    database.execute("ALTER TABLE records DROP CONSTRAINT poison");
    const std::string one = database.execute(
        "SELECT encode(fingerprint, 'hex') FROM quarantined_events ORDER BY time_us LIMIT 1");
    const auto first =
        as_json(quarantine(database, {"retry", "--json", "--fingerprint", one.substr(0, 12)}));
    CHECK(first["taken_in"].GetInt64() == 1);
    CHECK(database.execute("SELECT string_agg(rkey, ' ' ORDER BY rkey) FROM records") ==
          "fine poison1");
    const auto rest = as_json(quarantine(database, {"retry", "--json"}));
    CHECK(rest["taken_in"].GetInt64() == 1);
    CHECK(database.execute("SELECT count(*) FROM quarantined_events") == "0");
    CHECK(database.execute("SELECT count(*) FROM visible_scenes") == "3");
}

TEST_CASE("a record that was not shown is shown after a retry, unless something newer is there") {
    const TestDatabase database = TestDatabase::migrated();
    process(database, {scene("hidden", 1), scene("newer", 2, new_rev, "Attic")}, 2);
    // As if a stricter lexicon had refused it when it came.
    database.execute("UPDATE scenes SET deleted_at = now(), name = '' WHERE uri LIKE '%/hidden'");
    set_aside(database, scene("hidden", 1));
    set_aside(database, scene("newer", 2, old_rev, "Basement"));

    const auto done = as_json(quarantine(database, {"retry", "--json"}));
    CHECK(done["taken_in"].GetInt64() == 2);
    CHECK(database.execute("SELECT name FROM visible_scenes WHERE uri LIKE '%/hidden'") ==
          "Basement");
    CHECK(database.execute("SELECT name FROM visible_scenes WHERE uri LIKE '%/newer'") == "Attic");
    CHECK(database.execute("SELECT count(*) FROM quarantined_events") == "0");
}

TEST_CASE("a frame that still cannot be processed stays, with the reason of today") {
    const TestDatabase database = TestDatabase::migrated();
    set_aside(database, scene("nameless", 1, old_rev, ""));
    const auto done = as_json(quarantine(database, {"retry", "--json"}));
    CHECK(done["taken_in"].GetInt64() == 0);
    CHECK(done["refused_again"].GetInt64() == 1);
    CHECK(database.execute("SELECT reason || ' ' || path FROM quarantined_events") ==
          "invalid_record record.name");
}

TEST_CASE("retrying beside a running indexer neither stops it nor brings back what is deleted") {
    const TestDatabase database = TestDatabase::migrated();
    RunningSim sim({});
    RunningIndexer indexer(database.url(), sim.url());
    eventually("it is connected", [&] { return sim.stat("subscribers") == 1; });
    sim.append(scene("kept", 1) + "\n");
    eventually("it is stored",
               [&] { return database.execute("SELECT count(*) FROM records") == "1"; });
    set_aside(database, scene("late", 2));
    sim.append(std::string(R"({"did":")") + did + R"(","time_us":)" + std::to_string(start_us + 3) +
               R"(,"kind":"account","account":{"active":false,"did":")" + did +
               R"(","seq":5,"status":"deleted","time":"2026-07-04T14:38:08Z"}})" + "\n");
    eventually("the account is gone", [&] {
        return database.execute("SELECT count(*) FROM records WHERE record IS NOT NULL") == "0" &&
               database.execute("SELECT count(*) FROM quarantined_events") == "0";
    });
    const auto done = as_json(quarantine(database, {"retry", "--json"}));
    CHECK(done["taken_in"].GetInt64() == 0);
    CHECK(database.execute("SELECT count(*) FROM records WHERE record IS NOT NULL") == "0");
    CHECK(indexer.metric("indexer_writing") == 1);
}

TEST_CASE("a database that refuses everything stops the stream instead of setting it all aside") {
    const TestDatabase database = TestDatabase::migrated();
    std::vector<std::string> frames;
    for (int i = 0; i < 200; ++i)
        frames.push_back(scene("r" + std::to_string(i), i));
    database.execute("ALTER TABLE records ADD CONSTRAINT broken CHECK (false) NOT VALID");
    const TemporaryDirectory directory;
    RunningSim sim({"--file", write_lines(directory.path() / "events", frames)});
    RunningIndexer indexer(database.url(), sim.url());
    eventually("the breaker opens",
               [&] { return indexer.metric("indexer_quarantine_breaker_open") == 1; });
    const double aside = indexer.metric("indexer_messages_error_total");
    CHECK(aside >= 20);
    CHECK(aside <= 21);
    CHECK(indexer.metric("indexer_messages_processed_total") == 0);

    database.execute("ALTER TABLE records DROP CONSTRAINT broken");
    eventually("the rest goes through",
               [&] { return indexer.metric("indexer_messages_processed_total") == 200 - aside; });
    CHECK(indexer.metric("indexer_quarantine_breaker_open") == 0);
    CHECK(as_json(quarantine(database, {"retry", "--json"}))["taken_in"].GetDouble() == aside);
    CHECK(database.execute("SELECT count(*) FROM visible_scenes") == "200");
}
