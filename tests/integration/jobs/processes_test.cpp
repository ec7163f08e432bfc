// Jobs of real API processes: what operators see and do, and what survives when processes die.
#include "base/uuid.hpp"
#include "integration/api/running_api.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <memory>
#include <random>
#include <vector>

using namespace subcults;
using namespace subcults::test;

namespace {

const std::string host = "did:plc:host";

Process::Environment guarded() {
    return {{"INTERNAL_AUTH_TOKEN", "letmein"}};
}
Headers with_token() {
    return {{"X-Internal-Token", "letmein"}};
}

std::string value(const TestDatabase& database, const std::string& column,
                  const std::string& type) {
    return database.execute("SELECT " + column + " FROM background_jobs WHERE job_type = '" + type +
                            "'");
}

void mark(const TestDatabase& database, const std::string& scene) {
    database.execute("INSERT INTO trust_dirty VALUES ('" + scene +
                     "', 1, now(), pg_current_xact_id()) ON CONFLICT (scene_id) DO UPDATE SET"
                     " generation = trust_dirty.generation + 1; NOTIFY subcults_trust");
}

// Every run that computes a score takes its time over it, and bears witness when it finds another
// one at it. (Before it touches a row: rows that both write would keep the second one waiting.)
void watch_work(const TestDatabase& database) {
    database.execute(
        "CREATE TABLE test_pause (seconds float8); INSERT INTO test_pause VALUES (0.4);"
        "CREATE TABLE test_overlaps (epoch bigint);"
        "CREATE FUNCTION test_work() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NOT pg_try_advisory_xact_lock(7) THEN INSERT INTO test_overlaps"
        "  SELECT epoch FROM background_jobs WHERE job_type = 'trust_recompute'; END IF;"
        " PERFORM pg_sleep((SELECT seconds FROM test_pause)); RETURN NULL; END $$;"
        "CREATE TRIGGER test_work BEFORE INSERT ON trust_scores FOR EACH STATEMENT"
        " EXECUTE FUNCTION test_work()");
}

void pause_work(const TestDatabase& database, double seconds) {
    database.execute("UPDATE test_pause SET seconds = " + std::to_string(seconds));
}

bool at_work(const TestDatabase& database) {
    return database.execute(
               "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7"
               " AND database = (SELECT oid FROM pg_database WHERE datname ="
               " current_database())") == "t";
}

// What happens to a process in a round of the test below, and for how long its work takes.
struct Fault {
    bool hang = false;          // or else it is killed
    bool of_the_runner = true;  // or else of whichever
    double work_seconds = 0.4;
};

}  // namespace

TEST_CASE("jobs are listed for operators only") {
    const auto database = TestDatabase::migrated();
    RunningApi api(database.url(), guarded());
    auto client = api.client();
    CHECK(client.get("/internal/jobs").status == 401);
    CHECK(client.get("/internal/jobs", {{"X-Internal-Token", "guess"}}).status == 403);
    CHECK(client.post("/internal/jobs/trust_recompute/run").status == 401);
    eventually("every job has run", [&] {
        const auto answer = client.get("/internal/jobs", with_token());
        if (answer.status != 200) return false;
        const auto document = answer.json();
        std::size_t succeeded = 0;
        for (const auto& job : document["jobs"].GetArray()) {
            if (job["last_success_at"].IsString()) ++succeeded;
        }
        return succeeded >= 2 && succeeded == document["jobs"].Size();
    });
    CHECK(api.metric("background_jobs_total{job_type=\"stream_cleanup\",status=\"success\"}") >= 1);
}

TEST_CASE("an operator's request runs a job now, an unknown job is a 404") {
    const auto database = TestDatabase::migrated();
    RunningApi api(database.url(), guarded());
    auto client = api.client();
    eventually("the first run is over",
               [&] { return value(database, "runs", "stream_cleanup") == "1"; });
    const auto asked = client.post("/internal/jobs/stream_cleanup/run", with_token());
    REQUIRE(asked.status == 202);
    CHECK(asked.json()["job_type"].GetString() == std::string("stream_cleanup"));
    eventually("it has run again",
               [&] { return value(database, "runs", "stream_cleanup") == "2"; });
    CHECK(client.post("/internal/jobs/no_such_job/run", with_token()).status == 404);
}

TEST_CASE("the trust of a scene follows a change that the database tells of") {
    const auto database = TestDatabase::migrated();
    RunningApi api(database.url());
    const std::string scene = add_scene(database, host);
    auto client = api.client();
    const auto before = client.get("/trust/" + scene);
    REQUIRE(before.status == 200);
    CHECK(before.json()["trust_score"].GetDouble() == 0);
    CHECK_FALSE(before.json().HasMember("breakdown"));
    database.execute(
        "INSERT INTO memberships (id, uri, author_did, rev, scene_uri, scene_id, member_did, role,"
        " status, weight) SELECT gen_random_uuid(), 'at://did:plc:host/app.subcult.membership/1',"
        " owner_did, '3k', uri, id, 'did:plc:a', 'curator', 'active', 50 FROM scenes");
    mark(database, scene);
    eventually("the score is there", [&] {
        const auto answer = client.get("/trust/" + scene).json();
        return answer["trust_score"].GetDouble() > 0 && !answer["stale"].GetBool();
    });
    const auto after = client.get("/trust/" + scene).json();
    CHECK(after["trust_score"].GetDouble() == Approx(0.4));
    CHECK(after["breakdown"]["role_multiplier_aggregate"].GetDouble() == Approx(0.8));
    CHECK(client.get("/trust/" + uuid_v7().to_string()).status == 404);
    CHECK(client.get("/trust/nonsense").status == 404);
    database.execute("UPDATE scenes SET deleted_at = now()");
    CHECK(client.get("/trust/" + scene).status == 410);
}

TEST_CASE("a session that nobody is in ends after the grace, others go on") {
    const auto database = TestDatabase::migrated();
    RunningApi api(database.url(), {{"STREAM_EMPTY_GRACE_SECONDS", "1"}});
    auto client = api.client();
    const std::string empty = create_stream(database, api, host);
    const std::string full = create_stream(database, api, host);
    REQUIRE(client.post("/streams/" + full + "/join", RunningApi::as("did:plc:a")).status == 200);
    const auto ended = [&](const std::string& id) {
        return database.execute("SELECT ended_at IS NOT NULL FROM stream_sessions WHERE id = '" +
                                id + "'") == "t";
    };
    eventually("the empty one has ended", [&] {
        client.post("/internal/jobs/stream_cleanup/run");
        return ended(empty);
    });
    CHECK_FALSE(ended(full));
    REQUIRE(client.post("/streams/" + full + "/leave", RunningApi::as("did:plc:a")).status == 200);
    eventually("the other one has ended too", [&] {
        client.post("/internal/jobs/stream_cleanup/run");
        return ended(full);
    });
}

TEST_CASE("tombstones are deleted long after nothing as old can come again") {
    const auto database = TestDatabase::migrated();
    database.execute(
        "INSERT INTO records (did, collection, rkey, rev, time_us, deleted_at) VALUES"
        " ('did:plc:a', 'c', 'old', '3k', 0, now() - interval '91 days'),"
        " ('did:plc:a', 'c', 'new', '3k', 0, now() - interval '89 days');"
        "INSERT INTO posts (id, uri, author_did, rev, text, deleted_at) VALUES"
        " (gen_random_uuid(), 'at://old', 'did:plc:a', '3k', '', now() - interval '91 days'),"
        " (gen_random_uuid(), 'at://new', 'did:plc:a', '3k', '', now() - interval '89 days'),"
        " (gen_random_uuid(), 'at://live', 'did:plc:a', '3k', 'x', NULL)");
    RunningApi api(database.url());
    eventually("the cleanup has run",
               [&] { return value(database, "result", "stream_cleanup") == "success"; });
    CHECK(database.execute("SELECT string_agg(rkey, ',') FROM records") == "new");
    CHECK(database.execute("SELECT string_agg(uri, ',' ORDER BY uri) FROM posts") ==
          "at://live,at://new");
}

TEST_CASE("no job runs twice at once or stalls while processes are killed, hung and restarted") {
    const auto database = TestDatabase::migrated();
    watch_work(database);
    const std::string scene = add_scene(database, host);
    std::vector<std::unique_ptr<RunningApi>> apis;
    for (int i = 0; i < 2; ++i)
        apis.push_back(std::make_unique<RunningApi>(database.url()));
    // In the longer ones a lease, which lasts six seconds, ends while work of its run goes on. What
    // a process was at when it hung is done to its end, and the next run waits for that; what it
    // was at when it was killed is given up, or else nothing would be done within the time below.
    const std::vector<Fault> faults{
        {false, true, 0.4}, {true, true, 9},   {false, false, 0.4},
        {true, true, 0.4},  {false, true, 28}, {true, false, 0.4},
    };
    std::mt19937_64 random(20'261'122);
    for (std::size_t round = 0; round < faults.size(); ++round) {
        INFO("round " << round);
        const Fault& fault = faults[round];
        pause_work(database, fault.work_seconds);
        mark(database, scene);
        eventually("a run is under way", [&] {
            return value(database, "leased_until >= clock_timestamp()", "trust_recompute") == "t";
        });
        const bool outlasts_lease = fault.work_seconds > 6;
        if (outlasts_lease) eventually("it is at work", [&] { return at_work(database); });
        const std::string holder = value(database, "holder", "trust_recompute");
        std::size_t victim = random() % 2;
        for (std::size_t i = 0; i < apis.size(); ++i) {
            const std::string pid =
                std::string("/").append(std::to_string(apis[i]->process().pid()));
            if (fault.of_the_runner && holder.ends_with(pid)) victim = i;
        }
        const int takeovers = std::stoi(value(database, "takeovers", "trust_recompute"));
        if (fault.hang) {
            apis[victim]->process().signal(SIGSTOP);
        } else {
            apis[victim]->process().kill();
        }
        pause_work(database, 0.4);
        mark(database, scene);
        // Seven seconds is the bound, or the end of what a hung process was at; the run itself and
        // a slow machine come on top.
        eventually(
            "the mark is worked off",
            [&] { return database.execute("SELECT count(*) FROM trust_dirty") == "0"; },
            std::chrono::seconds(20));
        if (outlasts_lease) {
            CHECK(std::stoi(value(database, "takeovers", "trust_recompute")) == takeovers + 1);
        }
        if (fault.hang) {
            apis[victim]->process().signal(SIGCONT);
        } else {
            apis[victim] = std::make_unique<RunningApi>(database.url());
        }
    }
    CHECK(std::stoi(value(database, "takeovers", "trust_recompute")) >= 2);
    CHECK(database.execute("SELECT count(*) FROM test_overlaps") == "0");
    double failures = 0;
    for (const auto& api : apis) {
        failures += api->metric(
            "background_job_errors_total{job_type=\"trust_recompute\",error_type=\"timeout\"}");
    }
    CHECK(failures >= 1);
}
