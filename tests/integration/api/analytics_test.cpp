#include "integration/api/running_api.hpp"

#include "base/uuid.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::test;

namespace {

const std::string host = "did:plc:host";
const std::string listener = "did:plc:listener";

struct Fixture {
    TestDatabase database = TestDatabase::migrated();
    // Sessions look ten minutes old and empty here before anybody is put into them.
    RunningApi api{database.url(), {{"STREAM_EMPTY_GRACE_SECONDS", "3600"}}};
    std::string id = create_stream(database, api, host);
    std::string path = "/streams/" + id;

    Answer analytics(const std::string& did = host) {
        return api.client().get(path + "/analytics", RunningApi::as(did));
    }
    void post(const std::string& what, const std::string& did) {
        REQUIRE(api.client().post(path + what, RunningApi::as(did)).status == 200);
    }
    // As if the stream had begun ten minutes ago, with these stays (minutes since then).
    void stay(const std::string& who, const std::string& sid, const std::string& from,
              const std::string& until) {
        const auto minute = [](const std::string& text) {
            return text.empty() ? std::string("NULL")
                                : "(SELECT started_at FROM stream_sessions) + interval '" + text +
                                      " minutes'";
        };
        database.execute("INSERT INTO stream_participations VALUES ('" + id + "', '" + who +
                         "', '" + sid + "', " + minute(from) + ", " + minute(until) + ")");
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "analytics of a stream nobody came to are zeros and nothing made up") {
    const auto live = analytics().json();
    CHECK_FALSE(live["final"].GetBool());
    post("/end", host);
    const auto done = analytics().json();
    CHECK(done["final"].GetBool());
    CHECK(done["stream_id"].GetString() == id);
    CHECK(done["peak_concurrent_listeners"].GetInt64() == 0);
    CHECK(done["total_unique_participants"].GetInt64() == 0);
    CHECK(done["total_join_attempts"].GetInt64() == 0);
    CHECK(done["engagement_lag_seconds"].IsNull());
    CHECK(done["avg_listen_duration_seconds"].IsNull());
    CHECK(done["median_listen_duration_seconds"].IsNull());
    CHECK(done["stream_duration_seconds"].GetDouble() > 0);
}

TEST_CASE_METHOD(Fixture, "peak, people and listening times come from who was there when") {
    database.execute("UPDATE stream_sessions SET started_at = now() - interval '10 minutes'");
    stay("user-a", "1", "1", "3");
    stay("user-a", "PA_1", "2", "4");  // the same stay, seen twice: once
    stay("user-a", "PA_2", "6", "7");
    stay("user-b", "2", "3.5", "4");
    stay("user-c", "3", "4", "5");  // comes as a and b go
    stay("user-d", "4", "6", "");   // is there until the end
    const auto live = analytics().json();
    CHECK_FALSE(live["final"].GetBool());
    CHECK(live["peak_concurrent_listeners"].GetInt64() == 2);

    post("/end", host);
    const auto done = analytics().json();
    CHECK(done["final"].GetBool());
    CHECK(done["peak_concurrent_listeners"].GetInt64() == 2);
    CHECK(done["total_unique_participants"].GetInt64() == 4);
    CHECK(done["engagement_lag_seconds"].GetDouble() == Approx(60.0));
    CHECK(done["stream_duration_seconds"].GetDouble() == Approx(600.0).margin(30));
    // a 240 s, b 30 s, c 60 s, d 240 s and a little.
    CHECK(done["avg_listen_duration_seconds"].GetDouble() == Approx(142.5).margin(8));
    CHECK(done["median_listen_duration_seconds"].GetDouble() == Approx(150.0).margin(1));
}

TEST_CASE_METHOD(Fixture, "joins and leaves are what the analytics are made of") {
    post("/join", "did:plc:a");
    post("/join", "did:plc:a");
    post("/join", "did:plc:b");
    post("/leave", "did:plc:a");
    post("/join", "did:plc:c");
    post("/end", host);
    const auto done = analytics().json();
    CHECK(done["total_join_attempts"].GetInt64() == 4);
    CHECK(done["total_unique_participants"].GetInt64() == 3);
    CHECK(done["peak_concurrent_listeners"].GetInt64() == 2);
    CHECK(done["engagement_lag_seconds"].GetDouble() >= 0);
    CHECK(done["engagement_lag_seconds"].GetDouble() < done["stream_duration_seconds"].GetDouble());
    CHECK(database.execute("SELECT count(*) FROM stream_analytics") == "1");
}

TEST_CASE_METHOD(Fixture, "final analytics are computed once, and again only when they are lost") {
    post("/join", listener);
    post("/end", host);
    const std::string first = analytics().body;
    CHECK(analytics().body == first);
    database.execute("DELETE FROM stream_analytics");
    CHECK(analytics().json()["total_unique_participants"].GetInt64() == 1);
    database.execute("DELETE FROM stream_analytics");
    // Nobody has to ask: whoever holds the lease sees that they are missing.
    eventually("they are back",
               [&] { return database.execute("SELECT count(*) FROM stream_analytics") == "1"; });
}

TEST_CASE_METHOD(Fixture, "a stream whose analytics fail keeps no other waiting") {
    const std::string other = create_stream(database, api, "did:plc:other");
    post("/end", host);
    REQUIRE(
        api.client().post("/streams/" + other + "/end", RunningApi::as("did:plc:other")).status ==
        200);
    // The one that ended first stands for a crowd whose statement never comes to its end.
    database.execute(
        "CREATE FUNCTION too_much() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'too much'; END$$;"
        "CREATE TRIGGER too_much BEFORE INSERT ON stream_analytics FOR EACH ROW"
        " WHEN (NEW.stream_session_id = '" +
        id + "') EXECUTE FUNCTION too_much(); DELETE FROM stream_analytics");
    const auto have = [&] {
        return database.execute(
            "SELECT string_agg(stream_session_id::text, ',')"
            " FROM stream_analytics");
    };
    eventually("the failure was seen", [&] {
        return api.process().output().find("analytics not computed") != std::string::npos;
    });
    eventually("the other one's are there", [&] { return have() == other; });
    database.execute("DROP TRIGGER too_much ON stream_analytics");
    eventually(
        "it is tried again",
        [&] { return database.execute("SELECT count(*) FROM stream_analytics") == "2"; },
        std::chrono::seconds(60));
}

TEST_CASE_METHOD(Fixture, "analytics are the host's alone") {
    CHECK(analytics(listener).status == 403);
    CHECK(analytics(listener).status == 403);
    // Once a minute, in the chain of what the stream is of.
    CHECK(database.execute("SELECT string_agg(entity_type || ' ' || outcome, ',') FROM audit_logs"
                           " WHERE action = 'analytics_read'") == "scene failure");
    CHECK(api.client().get(path + "/analytics").status == 401);
    CHECK(api.client()
              .get("/streams/" + uuid_v7().to_string() + "/analytics", RunningApi::as(host))
              .status == 404);
}
