// GET /reports: who may see what, as JSON and as CSV.
#include "integration/api/running_api.hpp"

#include "base/time.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace subcults;
using namespace subcults::test;

namespace {

const std::string owner = "did:plc:owner";

Headers admin() {
    return {{"Authorization", "Bearer " + RunningApi::token("did:plc:admin", "admin")}};
}

// A scene whose one session began three hours ago and lasted half an hour, with two people.
struct Archive {
    Archive() : database(TestDatabase::migrated()), api(database.url()) {
        scene = add_scene(database, owner);
        const std::string start = "(date_trunc('hour', now(), 'UTC') - interval '3 hours')";
        // All at once, as the job may be at it at any moment.
        database.execute(
            "WITH made AS (INSERT INTO stream_sessions (id, room_name, host_did, scene_id,"
            "  started_at, ended_at, head_at, kid, hosting_scene_id) VALUES (gen_random_uuid(),"
            "  'scene-x', '" +
            owner + "', '" + scene + "', " + start + ", " + start +
            " + interval '30 minutes', now(), 1, '" + scene +
            "') RETURNING id, started_at)"
            " INSERT INTO stream_participations (stream_session_id, participant_id, stay,"
            "  joined_at, left_at) SELECT m.id, p.who, '1', m.started_at + p.came,"
            "  m.started_at + p.went FROM made m, (VALUES ('user-a', interval '0',"
            "  interval '10 minutes'), ('user-b', interval '20 minutes', NULL)) AS p(who, came,"
            "  went)");
        REQUIRE(api.client().post("/internal/jobs/report_generation/run").status == 202);
        eventually("the hour is computed", [&] {
            return database.execute("SELECT count(*) FROM stream_reports WHERE period = 'hour'") ==
                   "2";
        });
        hour = database.execute(
            "SELECT to_char(started_at AT TIME ZONE 'UTC',"
            " 'YYYY-MM-DD\"T\"HH24:00:00\"Z\"') FROM stream_sessions");
    }
    std::string path(const std::string& more = {}) const {
        return "/reports?period=hour&scene_id=" + scene + more;
    }
    Answer get(const std::string& target, const Headers& headers) const {
        return api.client().get(target, headers);
    }

    TestDatabase database;
    RunningApi api;
    std::string scene;
    std::string hour;
};

}  // namespace

TEST_CASE("a scene's owner and administrators see its reports, nobody else does") {
    const Archive archive;
    for (const Headers& headers : {RunningApi::as(owner), admin()}) {
        const Answer answer = archive.get(archive.path(), headers);
        REQUIRE(answer.status == 200);
        const auto body = answer.json();
        CHECK(std::string(body["scene_id"].GetString()) == archive.scene);
        REQUIRE(body["reports"].Size() == 1);
        const auto& report = body["reports"][0];
        CHECK(std::string(report["starts_at"].GetString()) == archive.hour);
        CHECK(report["sessions"].GetInt64() == 1);
        CHECK(report["sessions_started"].GetInt64() == 1);
        CHECK(report["unique_participants"].GetInt64() == 2);
        CHECK(report["unique_participants_at_least"].GetInt64() == 2);
        CHECK(report["listening_seconds"].GetDouble() == 1200);
        CHECK(report["quality"]["samples"].GetInt64() == 0);
        CHECK(report["quality"]["mos"]["p50"].IsNull());
        CHECK(report["revision"].GetInt64() == 1);
        CHECK_FALSE(report["final"].GetBool());
        CHECK(body["computed_until"].IsString());
    }
    CHECK(archive.get(archive.path(), RunningApi::as("did:plc:stranger")).status == 403);
    CHECK(archive.get(archive.path(), {}).status == 401);
    CHECK(archive.get("/reports?period=hour", RunningApi::as(owner)).status == 403);
    const auto all = archive.get("/reports?period=hour", admin()).json();
    CHECK(all["scene_id"].IsNull());
    REQUIRE(all["reports"].Size() == 1);
    CHECK(all["reports"][0]["unique_participants"].GetInt64() == 2);
}

TEST_CASE("the same numbers come as CSV") {
    const Archive archive;
    const Answer answer = archive.get(archive.path("&format=csv"), RunningApi::as(owner));
    REQUIRE(answer.status == 200);
    CHECK(answer.header("Content-Type") == "text/csv; charset=utf-8");
    CHECK(answer.header("Content-Disposition") == "attachment; filename=\"reports.csv\"");
    const std::string line = archive.scene + ",hour," + archive.hour + ",";
    CHECK(answer.body.find(line) != std::string::npos);
    CHECK(answer.body.find(",1,1,0,0,2,2,1200,0,,,,,,,,,,,,") != std::string::npos);
}

TEST_CASE("a scene that is unknown, hidden or deleted is told apart from one without sessions") {
    const Archive archive;
    const std::string quiet = add_scene(archive.database, owner, "Attic");
    const Answer nothing = archive.get("/reports?scene_id=" + quiet, RunningApi::as(owner));
    REQUIRE(nothing.status == 200);
    CHECK(nothing.json()["reports"].Size() == 0);
    const std::string unknown = "/reports?scene_id=01a202ec-848e-79a5-8d35-4ed1f807e177";
    CHECK(archive.get(unknown, RunningApi::as(owner)).error_code() == "scene_not_found");

    archive.database.execute("INSERT INTO hidden_accounts (did, status) VALUES ('" + owner +
                             "', 'suspended')");
    CHECK(archive.get(archive.path(), RunningApi::as(owner)).status == 404);
    archive.database.execute("TRUNCATE hidden_accounts");
    archive.database.execute("UPDATE scenes SET deleted_at = now() WHERE id = '" + archive.scene +
                             "'");
    const Answer gone = archive.get(archive.path(), RunningApi::as(owner));
    CHECK(gone.status == 410);
    CHECK(gone.error_code() == "scene_deleted");
    CHECK(archive.get(archive.path(), admin()).json()["reports"].Size() == 1);
}

TEST_CASE("reports outside of what may be asked are refused with the range") {
    const Archive archive;
    for (const std::string& more :
         {std::string("&from=2020-01-01T00:00:00Z"), std::string("&from=x"),
          std::string("&format=xml"), std::string("&period=day"),
          std::string("&to=2026-01-01T00:00:00Z&from=2026-01-01T00:00:00Z")}) {
        INFO(more);
        const Answer answer = archive.get(archive.path(more), RunningApi::as(owner));
        CHECK(answer.status == 400);
        CHECK(answer.error_code() == "validation_error");
    }
}
