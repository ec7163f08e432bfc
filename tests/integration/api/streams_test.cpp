#include "integration/api/running_api.hpp"

#include "base/time.hpp"
#include "base/uuid.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace subcults;
using namespace subcults::test;

namespace {

const std::string host = "did:plc:host";
const std::string listener = "did:plc:listener";

struct Fixture {
    TestDatabase database = TestDatabase::migrated();
    RunningApi api{database.url()};

    std::string count(const std::string& sql) const { return database.execute(sql); }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a session lives from creation over joins and leaves to its end") {
    const std::string scene = add_scene(database, host);
    auto client = api.client();
    const Answer created =
        client.post("/streams", RunningApi::as(host), "{\"scene_id\":\"" + scene + "\"}");
    REQUIRE(created.status == 201);
    const auto made = created.json();
    const std::string id = made["id"].GetString();
    const std::string room = made["room_name"].GetString();
    CHECK(created.header("Location") == "/streams/" + id);
    CHECK(std::string(made["status"].GetString()) == "active");
    CHECK(made["scene_id"].GetString() == scene);
    CHECK_FALSE(made.HasMember("event_id"));
    CHECK(room.substr(0, 6 + scene.size()) == "scene-" + scene);

    const Answer joined =
        client.post("/streams/" + id + "/join", RunningApi::as(listener),
                    "{\"token_issued_at\":\"" +
                        format_rfc3339(UnixMicros{now_micros().value - 700'000}) + "\"}");
    REQUIRE(joined.status == 200);
    CHECK(joined.body == "{\"stream_id\":\"" + id + "\",\"room_name\":\"" + room +
                             "\",\"join_count\":1,\"status\":\"joined\"}");
    CHECK(client.post("/streams/" + id + "/join", RunningApi::as("did:plc:other"))
              .json()["join_count"]
              .GetInt64() == 2);
    const Answer left = client.post("/streams/" + id + "/leave", RunningApi::as(listener));
    REQUIRE(left.status == 200);
    CHECK(left.body == "{\"stream_id\":\"" + id + "\",\"room_name\":\"" + room +
                           "\",\"leave_count\":1,\"status\":\"left\"}");

    const auto shown = client.get("/streams/" + id, RunningApi::as(listener)).json();
    CHECK(shown["join_count"].GetInt64() == 2);
    CHECK(shown["leave_count"].GetInt64() == 1);
    CHECK(shown["active_participants"].GetInt64() == 1);
    CHECK(shown["ended_at"].IsNull());

    CHECK(client.post("/streams/" + id + "/end", RunningApi::as(listener)).status == 403);
    const Answer ended = client.post("/streams/" + id + "/end", RunningApi::as(host));
    CHECK(ended.status == 200);
    CHECK(std::string(ended.json()["status"].GetString()) == "ended");
    CHECK(client.post("/streams/" + id + "/end", RunningApi::as(host)).status == 200);
    const Answer late = client.post("/streams/" + id + "/join", RunningApi::as(listener));
    CHECK(late.status == 409);
    CHECK(late.error_code() == "conflict");
    CHECK(client.post("/streams/" + id + "/leave", RunningApi::as(listener)).status == 409);

    CHECK(count("SELECT string_agg(action, ',' ORDER BY seq) FROM audit_logs WHERE entity_id = '" +
                id + "'") == "created,joined,joined,left,ended,ended,joined,left");
    CHECK(count("SELECT string_agg(outcome, ',' ORDER BY seq) FROM audit_logs WHERE action = "
                "'ended'") == "failure,success");  // the listener tried first
    // Whoever came too late is in the chain as well.
    CHECK(count("SELECT string_agg(outcome, ',' ORDER BY seq) FROM audit_logs WHERE seq > 6") ==
          "failure,failure");
    CHECK(count("SELECT count(*) FROM audit_logs WHERE entity_type = 'stream_session' AND "
                "request_id <> ''") == "8");
    CHECK(count("SELECT count(*) FROM stream_participants WHERE left_at IS NULL") == "0");
    CHECK(count("SELECT count(*) FROM active_streams") == "0");
    CHECK(api.metric("stream_joins_total") == 2);
    CHECK(api.metric("stream_leaves_total") == 1);
    CHECK(api.metric("stream_join_latency_seconds_count") == 1);
    CHECK(api.metric("stream_join_latency_seconds_bucket{le=\"0.5\"}") == 0);
    CHECK(api.metric("stream_join_latency_seconds_bucket{le=\"2.0\"}") == 1);
}

TEST_CASE_METHOD(Fixture, "only the owner of a known scene starts a stream, one at a time") {
    const std::string scene = add_scene(database, host);
    const std::string body = "{\"scene_id\":\"" + scene + "\"}";
    auto client = api.client();
    CHECK(client.post("/streams", RunningApi::as(listener), body).status == 403);
    const Answer unknown = client.post("/streams", RunningApi::as(host),
                                       "{\"scene_id\":\"" + uuid_v7().to_string() + "\"}");
    CHECK(unknown.status == 404);
    CHECK(unknown.error_code() == "scene_not_found");

    const Answer first = client.post("/streams", RunningApi::as(host), body);
    REQUIRE(first.status == 201);
    const Answer second = client.post("/streams", RunningApi::as(host), body);
    CHECK(second.status == 409);
    const std::string id = first.json()["id"].GetString();
    REQUIRE(client.post("/streams/" + id + "/end", RunningApi::as(host)).status == 200);
    const Answer third = client.post("/streams", RunningApi::as(host), body);
    REQUIRE(third.status == 201);
    // Within the same second: still two rooms.
    CHECK(std::string(third.json()["room_name"].GetString()) !=
          first.json()["room_name"].GetString());

    database.execute("UPDATE scenes SET deleted_at = now()");
    const std::string again = third.json()["id"].GetString();
    client.post("/streams/" + again + "/end", RunningApi::as(host));
    const Answer gone = client.post("/streams", RunningApi::as(host), body);
    CHECK(gone.status == 410);
    CHECK(gone.error_code() == "scene_deleted");

    database.execute("UPDATE scenes SET deleted_at = NULL");
    database.execute("INSERT INTO hidden_accounts VALUES ('" + host + "', 'takendown')");
    CHECK(client.post("/streams", RunningApi::as(host), body).status == 404);
}

TEST_CASE_METHOD(Fixture, "an event's stream belongs to the owner of its scene") {
    const std::string scene = add_scene(database, host);
    const std::string event = uuid_v7().to_string();
    database.execute("INSERT INTO events (id, uri, author_did, rev, scene_id, title) VALUES ('" +
                     event + "', 'at://x', 'did:plc:promoter', 'r', '" + scene + "', 'Night')");
    const std::string body = "{\"event_id\":\"" + event + "\"}";
    auto client = api.client();
    CHECK(client.post("/streams", RunningApi::as("did:plc:promoter"), body).status == 403);
    const Answer created = client.post("/streams", RunningApi::as(host), body);
    REQUIRE(created.status == 201);
    CHECK(created.json()["event_id"].GetString() == event);
    CHECK(std::string(created.json()["room_name"].GetString()).substr(0, 6) == "event-");
    // An event of an author who is hidden is not there.
    const std::string shady = uuid_v7().to_string();
    database.execute("INSERT INTO events (id, uri, author_did, rev, scene_id, title) VALUES ('" +
                     shady + "', 'at://y', 'did:plc:shady', 'r', '" + scene + "', 'Night')");
    database.execute("INSERT INTO hidden_accounts VALUES ('did:plc:shady', 'takendown')");
    CHECK(
        client.post("/streams", RunningApi::as(host), "{\"event_id\":\"" + shady + "\"}").status ==
        404);
    // The scene itself is free.
    CHECK(
        client.post("/streams", RunningApi::as(host), "{\"scene_id\":\"" + scene + "\"}").status ==
        201);
}

TEST_CASE_METHOD(Fixture, "an Idempotency-Key makes a retry return the first answer") {
    const std::string id = create_stream(database, api, host);
    auto client = api.client();
    Headers headers = RunningApi::as(listener);
    headers.emplace_back("Idempotency-Key", "retry-1");
    const Answer first = client.post("/streams/" + id + "/join", headers);
    client.post("/streams/" + id + "/join", RunningApi::as("did:plc:other"));
    const Answer retry = client.post("/streams/" + id + "/join", headers);
    CHECK(first.status == 200);
    CHECK(retry.status == 200);
    CHECK(retry.body == first.body);
    CHECK(count("SELECT join_count FROM stream_sessions") == "2");
    CHECK(api.metric("stream_joins_total") == 2);

    const Answer reused = client.post("/streams/" + id + "/join", headers,
                                      R"({"token_issued_at":"2026-01-01T00:00:00Z"})");
    CHECK(reused.status == 422);
    CHECK(count("SELECT action FROM audit_logs WHERE outcome = 'failure'") == "joined");
    // The same key for leaving is another request.
    CHECK(client.post("/streams/" + id + "/leave", headers).status == 200);
    client.post("/streams/" + id + "/end", RunningApi::as(host));
    CHECK(client.post("/streams/" + id + "/join", headers).body == first.body);

    SECTION("creating a stream as well") {
        const std::string scene = add_scene(database, host);
        Headers create = RunningApi::as(host);
        create.emplace_back("Idempotency-Key", "create-1");
        const std::string body = "{\"scene_id\":\"" + scene + "\"}";
        const Answer made = client.post("/streams", create, body);
        const Answer again = client.post("/streams", create, body);
        CHECK(made.status == 201);
        CHECK(again.status == 201);
        CHECK(again.body == made.body);
        // Whatever has become of the stream since.
        const std::string path = "/streams/" + std::string(made.json()["id"].GetString());
        REQUIRE(client.post(path + "/end", RunningApi::as(host)).status == 200);
        const Answer late = client.post("/streams", create, body);
        CHECK(late.status == 201);
        CHECK(late.body == made.body);
        const Answer misused =
            client.post("/streams", create, "{\"scene_id\":\"" + add_scene(database, host) + "\"}");
        CHECK(misused.status == 422);
        CHECK(count("SELECT count(*) FROM audit_logs WHERE entity_type = 'scene' AND"
                    " action = 'created' AND outcome = 'failure'") == "1");
    }
}

TEST_CASE_METHOD(Fixture, "an Idempotency-Key is honoured for a day, then it is a new one") {
    const std::string id = create_stream(database, api, host);
    auto client = api.client();
    Headers headers = RunningApi::as(listener);
    headers.emplace_back("Idempotency-Key", "k");
    const auto join = [&] {
        return client.post("/streams/" + id + "/join", headers).json()["join_count"].GetInt64();
    };
    CHECK(join() == 1);
    database.execute("UPDATE idempotency_keys SET created_at = now() - interval '23 hours'");
    CHECK(join() == 1);
    database.execute("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'");
    CHECK(join() == 2);
    CHECK(join() == 2);

    Headers create = RunningApi::as(host);
    create.emplace_back("Idempotency-Key", "c");
    const std::string body = "{\"scene_id\":\"" + add_scene(database, host) + "\"}";
    const std::string first = client.post("/streams", create, body).json()["id"].GetString();
    client.post("/streams/" + first + "/end", RunningApi::as(host));
    CHECK(client.post("/streams", create, body).json()["id"].GetString() == first);
}

TEST_CASE_METHOD(Fixture, "keys that are no longer honoured are deleted, the others kept") {
    database.execute(
        "INSERT INTO idempotency_keys SELECT gen_random_uuid(), sha256(i::text::bytea), '\\x00', 1,"
        " now() - i * interval '1 hour' FROM generate_series(1, 30) i");
    CHECK(api.client().post("/internal/jobs/stream_cleanup/run").status == 202);
    eventually("old keys are gone", [&] {
        return count(
                   "SELECT count(*) FROM idempotency_keys WHERE created_at <"
                   " now() - interval '25 hours 1 minute'") == "0";
    });
    CHECK(count("SELECT count(*) >= 24 FROM idempotency_keys") == "t");
}

TEST_CASE_METHOD(Fixture, "an unbelievable token time costs the sample, not the join") {
    const std::string id = create_stream(database, api, host);
    auto client = api.client();
    const auto join = [&](std::int64_t seconds_ago) {
        return client
            .post("/streams/" + id + "/join", RunningApi::as(listener),
                  "{\"token_issued_at\":\"" +
                      format_rfc3339(UnixMicros{now_micros().value - seconds_ago * 1'000'000}) +
                      "\"}")
            .status;
    };
    CHECK(join(-60) == 200);
    CHECK(join(301) == 200);
    CHECK(join(2) == 200);
    CHECK(api.metric("stream_join_latency_seconds_count") == 1);
    CHECK(api.metric("stream_join_latency_rejected_total{reason=\"future\"}") == 1);
    CHECK(api.metric("stream_join_latency_rejected_total{reason=\"too_old\"}") == 1);
    CHECK(count("SELECT join_count FROM stream_sessions") == "3");
}

TEST_CASE_METHOD(Fixture, "lists page through every session once, newest first") {
    std::set<std::string> made;
    for (int i = 0; i < 7; ++i)
        made.insert(create_stream(database, api, host));
    auto client = api.client();
    const std::string ended = *made.begin();
    REQUIRE(client.post("/streams/" + ended + "/end", RunningApi::as(host)).status == 200);

    const auto walk = [&](const std::string& filter) {
        std::vector<std::string> seen;
        std::string cursor;
        for (int page = 0; page < 20; ++page) {
            std::string target = "/streams?limit=2" + filter;
            if (!cursor.empty()) target += "&cursor=" + cursor;
            const auto answer = client.get(target, RunningApi::as(listener)).json();
            std::string before = "9999";
            for (const auto& stream : answer["streams"].GetArray()) {
                seen.emplace_back(stream["id"].GetString());
                CHECK(std::string(stream["started_at"].GetString()) <= before);
                before = stream["started_at"].GetString();
            }
            if (answer["next_cursor"].IsNull()) break;
            cursor = answer["next_cursor"].GetString();
        }
        return seen;
    };
    const auto all = walk("");
    CHECK(all.size() == 7);
    CHECK(std::set<std::string>(all.begin(), all.end()) == made);
    CHECK(walk("&status=active").size() == 6);
    CHECK(walk("&status=ended") == std::vector<std::string>{ended});
}

TEST_CASE_METHOD(Fixture, "an empty list is a list") {
    const Answer answer = api.client().get("/streams", RunningApi::as(listener));
    CHECK(answer.status == 200);
    CHECK(answer.body == R"({"streams":[],"next_cursor":null})");
}

TEST_CASE_METHOD(Fixture, "no DID appears outside the host's column") {
    const std::string secret_did = "did:plc:secretlistener";
    const std::string id = create_stream(database, api, host);
    auto client = api.client();
    client.post("/streams/" + id + "/join", RunningApi::as(secret_did));
    client.post("/streams/" + id + "/leave", RunningApi::as(secret_did));
    for (const char* table :
         {"audit_logs", "stream_participants", "stream_participations", "stream_sessions",
          "idempotency_keys", "stream_rooms", "active_streams", "stream_bans"}) {
        INFO(table);
        CHECK(count(std::string("SELECT count(*) FROM ") + table +
                    " t WHERE t::text LIKE '%secretlistener%'") == "0");
    }
    CHECK(client.get("/metrics").body.find("did:") == std::string::npos);
    CHECK(api.process().output().find("secretlistener") == std::string::npos);
}

TEST_CASE_METHOD(Fixture, "the SQL of the guide runs as printed and returns what it says") {
    auto client = api.client();
    const auto play = [&](int joins, int leaves) {
        const std::string id = create_stream(database, api, host);
        for (int i = 0; i < joins; ++i) {
            client.post("/streams/" + id + "/join", RunningApi::as(listener));
        }
        for (int i = 0; i < leaves; ++i) {
            client.post("/streams/" + id + "/leave", RunningApi::as(listener));
        }
        client.post("/streams/" + id + "/end", RunningApi::as(host));
        return id;
    };
    play(4, 1);
    const std::string churned = play(2, 3);
    create_stream(database, api, host);  // still active: not in the averages

    CHECK(std::stod(count("SELECT AVG(join_count) FROM stream_sessions WHERE ended_at IS NOT "
                          "NULL;")) == Approx(3.0));
    const std::string churn =
        "SELECT id, room_name, join_count, leave_count\n"
        "FROM stream_sessions\n"
        "WHERE leave_count > join_count\n"
        "  AND ended_at IS NOT NULL;";
    CHECK(count(churn) == churned);
    CHECK(count("SELECT total_joins || ' ' || total_leaves FROM ("
                "SELECT DATE_TRUNC('day', started_at) as day,\n"
                "       SUM(join_count) as total_joins,\n"
                "       SUM(leave_count) as total_leaves\n"
                "FROM stream_sessions\n"
                "WHERE started_at >= NOW() - INTERVAL '30 days'\n"
                "GROUP BY day\n"
                "ORDER BY day) per_day") == "6 4");
}
