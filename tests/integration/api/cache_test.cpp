// What two replicas that keep copies in memory show of each other's changes, and of changes that
// nobody tells them of.
#include "integration/api/livekit_scenario.hpp"
#include "support/halted.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>
#include <string>

using namespace subcults::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

const std::string host = "did:plc:host";

// Copies that nothing but an invalidation can spoil while a test runs.
Process::Environment lasting() {
    return {{"API_CACHE_MAX_AGE_MS", "60000"}};
}

std::string listener(std::size_t column) {
    return column == 0 ? "subcults-api cache listener" : "subcults-api changes";
}

std::int64_t joins_shown(RunningApi& api, const std::string& stream) {
    const Answer answer = api.client().get("/streams/" + stream, RunningApi::as("did:plc:looker"));
    if (answer.status != 200) throw std::runtime_error("no stream: " + answer.body);
    return answer.json()["join_count"].GetInt64();
}

void join(RunningApi& api, const std::string& stream, int who) {
    const Answer answer = api.client().post("/streams/" + stream + "/join",
                                            RunningApi::as("did:plc:guest" + std::to_string(who)));
    REQUIRE(answer.status == 200);
}

// A change in the database that is told to nobody, as if its notification had been lost.
void change_silently(const TestDatabase& database, const std::string& stream, int joins) {
    database.execute("UPDATE stream_sessions SET join_count = " + std::to_string(joins) +
                     " WHERE id = '" + stream + "'");
}

// Both can hear what is told from now on: the first probe of each has come back.
void hears(RunningApi& api) {
    eventually("a probe has come back", [&] {
        return api.metric(
                   "background_jobs_total{job_type=\"cache_invalidation\",status="
                   "\"success\"}") >= 2;
    });
}

// The answer of one worker is not that of the other; this many requests reach both of them.
constexpr int enough_for_all_workers = 12;

// Every worker of this replica has a copy.
void warm(RunningApi& api, const std::string& stream) {
    for (int i = 0; i < enough_for_all_workers; ++i)
        joins_shown(api, stream);
    REQUIRE(api.metric("cache_reads_total{cache=\"session\",outcome=\"hit\"}") >= 1);
}

// Sets the count behind everybody's back and says whether an old one is still shown by some worker:
// then that serves a copy.
bool serves_copies(RunningApi& api, const TestDatabase& database, const std::string& stream,
                   int joins) {
    for (int i = 0; i < enough_for_all_workers; ++i)
        joins_shown(api, stream);
    change_silently(database, stream, joins);
    for (int i = 0; i < enough_for_all_workers; ++i) {
        if (joins_shown(api, stream) != joins) return true;
    }
    return false;
}

double failures(RunningApi& api, const std::string& type) {
    return api.metric("background_job_errors_total{job_type=\"cache_invalidation\",error_type=\"" +
                      type + "\"}");
}

bool all_show(RunningApi& api, const std::string& stream, std::int64_t joins) {
    for (int i = 0; i < enough_for_all_workers; ++i) {
        if (joins_shown(api, stream) != joins) return false;
    }
    return true;
}

}  // namespace

TEST_CASE("a change made here is shown here at once, by every worker") {
    const auto database = TestDatabase::migrated();
    RunningApi api(database.url(), lasting());
    const std::string stream = create_stream(database, api, host);
    warm(api, stream);
    for (int i = 1; i <= 30; ++i) {
        join(api, stream, i);
        CHECK(joins_shown(api, stream) == i);
        CHECK(joins_shown(api, stream) == i);
    }
    CHECK(api.metric("cache_reads_total{cache=\"session\",outcome=\"miss\"}") >= 30);
}

TEST_CASE("what one replica changes another one shows long before its copies are too old") {
    const auto database = TestDatabase::migrated();
    RunningApi here(database.url(), lasting());
    RunningApi there(database.url(), lasting());
    hears(here);
    hears(there);
    const std::string stream = create_stream(database, here, host);
    warm(there, stream);
    for (int i = 1; i <= 10; ++i) {
        join(here, stream, i);
        eventually(
            "the other replica shows it", [&] { return all_show(there, stream, i); }, 10s);
    }
    CHECK(there.metric("cache_invalidations_total{source=\"remote\"}") >= 1);
    CHECK(here.metric("cache_invalidations_total{source=\"local\"}") >= 10);
    REQUIRE(here.client().post("/streams/" + stream + "/end", RunningApi::as(host)).status == 200);
    eventually(
        "the other replica shows the end",
        [&] {
            return there.client()
                       .get("/streams/" + stream, RunningApi::as("did:plc:looker"))
                       .json()["status"]
                       .GetString() == std::string("ended");
        },
        10s);
}

TEST_CASE("a replica never serves a state older than its bound, though nobody tells it") {
    constexpr auto bound = 1500ms;
    const auto database = TestDatabase::migrated();
    RunningApi here(database.url(), {{"API_CACHE_MAX_AGE_MS", "1500"}});
    RunningApi there(database.url(), {{"API_CACHE_MAX_AGE_MS", "1500"}});
    const std::string stream = create_stream(database, here, host);
    int old_copies = 0;
    for (int round = 1; round <= 4; ++round) {
        joins_shown(there, stream);
        change_silently(database, stream, round);
        const auto changed = Clock::now();
        std::int64_t shown = -1;
        do {
            const auto asked = Clock::now();
            shown = joins_shown(there, stream);
            if (shown != round) {
                ++old_copies;
                CHECK(asked - changed < bound);
            }
        } while (shown != round);
    }
    // There were copies to be served, so the bound had something to hold.
    CHECK(old_copies >= 1);
}

TEST_CASE("notifications that were lost with a killed connection empty the cache") {
    const auto database = TestDatabase::migrated();
    RunningApi here(database.url(), lasting());
    RunningApi there(database.url(), lasting());
    hears(here);
    hears(there);
    const std::string stream = create_stream(database, here, host);
    int joins = 100;
    // News of the beginning may be under way for a moment.
    eventually("it serves copies", [&] { return serves_copies(there, database, stream, ++joins); });

    const double flushes = there.metric("cache_invalidations_total{source=\"flush\"}");
    CHECK(database.execute("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                           " WHERE datname = current_database() AND application_name = '" +
                           listener(0) + "'") == "2");
    eventually(
        "the copies are gone", [&] { return all_show(there, stream, joins); }, 20s);
    CHECK(there.metric("cache_invalidations_total{source=\"flush\"}") >= flushes + 1);
    CHECK(there.metric("background_job_errors_total{job_type=\"cache_invalidation\",error_type="
                       "\"database_error\"}") >= 1);

    // And what is told afterwards is heard again.
    hears(there);
    join(here, stream, 1);
    eventually(
        "the next change is shown", [&] { return all_show(there, stream, joins + 1); }, 20s);
}

TEST_CASE("a connection for notifications that falls silent is replaced, and that is one failure") {
    TestPostgres server;
    const TestDatabase database(server.url());
    Process migrate({program("subcults-api"), "migrate"}, RunningApi::environment(database.url()));
    REQUIRE(migrate.wait() == 0);
    RunningApi here(database.url(), lasting());
    RunningApi there(database.url(), lasting());
    hears(here);
    hears(there);
    const std::string stream = create_stream(database, here, host);
    int joins = 100;
    eventually("it serves copies", [&] { return serves_copies(there, database, stream, ++joins); });

    // Of both processes: nobody hears, and nobody's connection ends.
    const std::string listening =
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = '" +
        listener(0) + "'";
    const std::string first = database.execute(listening + " ORDER BY pid LIMIT 1");
    const std::string second = database.execute(listening + " ORDER BY pid DESC LIMIT 1");
    REQUIRE(first != second);
    const Halted one(std::stoi(first));
    const Halted other(std::stoi(second));
    eventually(
        "the copies are gone", [&] { return all_show(there, stream, joins); }, 20s);
    join(here, stream, 1);
    eventually(
        "the next change is shown", [&] { return all_show(there, stream, joins + 1); }, 20s);
    CHECK(database.execute("SELECT count(*) FROM (" + listening + ") l WHERE pid NOT IN (" + first +
                           ", " + second + ")") == "2");
    CHECK(failures(there, "timeout") == 1);
    CHECK(failures(there, "database_error") == 0);
}

TEST_CASE("what LiveKit tells again spoils copies, for its first telling may have been half done") {
    Scenario scenario(Process::Environment{{"API_CACHE_MAX_AGE_MS", "60000"},
                                           {"LIVEKIT_RECONCILE_SECONDS", "3600"}});
    scenario.livekit.report_to(scenario.api.port());
    const std::string id = scenario.connect("did:plc:guest");
    const auto processed = [&] {
        return scenario.database.execute(
                   "SELECT count(*) FILTER (WHERE event = 'participant_joined') = 1"
                   " AND count(*) = count(processed_at) FROM livekit_inbox") == "t";
    };
    eventually("the guest is present", [&] { return scenario.present(id) == "t" && processed(); });
    int joins = 100;
    eventually("it serves copies", [&] {
        return serves_copies(scenario.api, scenario.database, scenario.stream, ++joins);
    });
    // Committed, and the answer never came: it is processed once more and finds nothing to do.
    scenario.database.execute("UPDATE livekit_inbox SET processed_at = NULL");
    eventually(
        "the copies are gone", [&] { return all_show(scenario.api, scenario.stream, joins); }, 20s);
}

TEST_CASE("what could not be told while the sender's connection was killed is told afterwards") {
    const auto database = TestDatabase::migrated();
    RunningApi here(database.url(), lasting());
    RunningApi there(database.url(), lasting());
    hears(here);
    hears(there);
    const std::string stream = create_stream(database, here, host);
    warm(there, stream);
    for (int i = 1; i <= 5; ++i) {
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
            " current_database() AND application_name = '" +
            listener(1) + "'");
        join(here, stream, i);
        eventually(
            "the other replica shows it", [&] { return all_show(there, stream, i); }, 20s);
    }
    CHECK(here.metric("background_job_errors_total{job_type=\"cache_invalidation\",error_type="
                      "\"database_error\"}") >= 1);
}

TEST_CASE("no join is decided from a copy") {
    const auto database = TestDatabase::migrated();
    RunningApi api(database.url(), lasting());
    const std::string stream = create_stream(database, api, host);
    warm(api, stream);
    database.execute("UPDATE stream_sessions SET ended_at = now() WHERE id = '" + stream + "'");
    const auto shown =
        api.client().get("/streams/" + stream, RunningApi::as("did:plc:looker")).json();
    CHECK(shown["status"].GetString() == std::string("active"));  // a copy
    CHECK(api.client().post("/streams/" + stream + "/join", RunningApi::as("did:plc:a")).status ==
          409);
}

TEST_CASE("trust is shown anew when the indexer has changed what it depends on") {
    const auto database = TestDatabase::migrated();
    RunningApi api(database.url(), lasting());
    hears(api);
    // Its first computation would spoil what the test wants to see.
    eventually("trust has been computed", [&] {
        return api.metric(
                   "background_jobs_total{job_type=\"trust_recompute\",status=\"success\"}") >= 1;
    });
    const std::string scene = add_scene(database, host);
    const auto status = [&] { return api.client().get("/trust/" + scene).status; };
    for (int i = 0; i < enough_for_all_workers; ++i)
        REQUIRE(status() == 200);
    database.execute("UPDATE scenes SET deleted_at = now()");
    CHECK(status() == 200);  // nobody has told
    database.execute("NOTIFY subcults_trust");
    eventually(
        "it is gone", [&] { return status() == 410; }, 20s);
    CHECK(api.metric("cache_invalidations_total{source=\"trust_graph\"}") >= 1);
}

TEST_CASE("with a bound of 0 nothing is kept, and no connection is made for it") {
    const auto database = TestDatabase::migrated();
    RunningApi api(database.url(), {{"API_CACHE_MAX_AGE_MS", "0"}});
    const std::string stream = create_stream(database, api, host);
    CHECK(joins_shown(api, stream) == 0);
    change_silently(database, stream, 3);
    CHECK(all_show(api, stream, 3));
    CHECK(database.execute("SELECT count(*) FROM pg_stat_activity WHERE datname ="
                           " current_database() AND application_name IN ('" +
                           listener(0) + "', '" + listener(1) + "')") == "0");
}
