#include "integration/api/running_api.hpp"

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
    std::string path = "/streams/" + create_stream(database, api, host);

    Answer participants(const std::string& did, const std::string& query = "") {
        return api.client().get(path + "/participants" + query, RunningApi::as(did));
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a host sees who is there, everybody else how many") {
    auto client = api.client();
    for (const char* did : {"did:plc:a", "did:plc:b", "did:plc:b", "did:plc:c"})
        REQUIRE(client.post(path + "/join", RunningApi::as(did)).status == 200);
    REQUIRE(client.post(path + "/leave", RunningApi::as("did:plc:c")).status == 200);

    const auto counts = participants(listener).json();
    CHECK(counts["active_count"].GetInt64() == 2);
    CHECK(std::string(counts["room_name"].GetString()).starts_with("scene-"));
    CHECK_FALSE(counts.HasMember("participants"));

    const auto seen = participants(host).json();
    REQUIRE(seen["participants"].Size() == 3);
    CHECK(seen["next_cursor"].IsNull());
    int present = 0;
    std::int64_t reconnections = 0;
    for (const auto& participant : seen["participants"].GetArray()) {
        CHECK(std::string(participant["participant_id"].GetString()).starts_with("user-"));
        CHECK(participant["joined_at"].IsString());
        CHECK(participant["present"].GetBool() == participant["left_at"].IsNull());
        CHECK_FALSE(participant["kicked"].GetBool());
        present += participant["present"].GetBool() ? 1 : 0;
        reconnections += participant["reconnections"].GetInt64();
    }
    CHECK(present == 2);
    CHECK(reconnections == 1);
    CHECK(participants(host, "?status=present").json()["participants"].Size() == 2);
    CHECK(participants(host, "?status=left").json()["participants"].Size() == 1);
    CHECK(participants(host).body.find("did:") == std::string::npos);
}

TEST_CASE_METHOD(Fixture, "a crowd is listed page by page, each participant once") {
    auto client = api.client();
    for (int i = 0; i < 25; ++i) {
        REQUIRE(
            client.post(path + "/join", RunningApi::as("did:plc:p" + std::to_string(i))).status ==
            200);
    }
    std::set<std::string> seen;
    std::string cursor;
    int pages = 0;
    for (; pages < 10; ++pages) {
        const auto page =
            participants(host, "?limit=10" + (cursor.empty() ? "" : "&cursor=" + cursor)).json();
        for (const auto& participant : page["participants"].GetArray())
            CHECK(seen.insert(participant["participant_id"].GetString()).second);
        if (page["next_cursor"].IsNull()) break;
        cursor = page["next_cursor"].GetString();
    }
    CHECK(pages == 2);
    CHECK(seen.size() == 25);
}

TEST_CASE_METHOD(Fixture, "a participant has one id per stream, and another in the next one") {
    auto client = api.client();
    const std::string second = "/streams/" + create_stream(database, api, host);
    for (const std::string& stream : {path, second}) {
        client.post(stream + "/join", RunningApi::as("did:web:a:bob"));
        client.post(stream + "/join", RunningApi::as("did:web:b:bob"));
        client.post(stream + "/join", RunningApi::as("did:web:a:bob"));
    }
    CHECK(database.execute("SELECT count(*) FROM stream_participants") == "4");
    CHECK(database.execute("SELECT count(DISTINCT participant_id) FROM stream_participants") ==
          "4");
}

TEST_CASE_METHOD(Fixture, "participants of nothing, or asked for wrongly, are refused") {
    CHECK(api.client()
              .get("/streams/" + uuid_v7().to_string() + "/participants", RunningApi::as(host))
              .status == 404);
    for (const char* query :
         {"?limit=0", "?limit=1001", "?status=all", "?cursor=x", "?limit=1&limit=2"}) {
        INFO(query);
        CHECK(participants(host, query).status == 400);
    }
    CHECK(api.client().get(path + "/participants").status == 401);
}

TEST_CASE_METHOD(Fixture, "gauges of live sessions come from one replica, and go with their end") {
    auto client = api.client();
    const std::string id = path.substr(9);
    const std::string series = "stream_active_participants{session_id=\"" + id + "\"}";
    REQUIRE(client.post(path + "/join", RunningApi::as(listener)).status == 200);
    eventually("the lease reads", [&] { return api.metric(series) == 1; });
    CHECK(api.metric("stream_active_sessions") == 1);

    RunningApi second(database.url());
    const std::string other = create_stream(database, second, host);
    eventually("the holder sees both", [&] { return api.metric("stream_active_sessions") == 2; });
    CHECK(second.metric("stream_active_sessions") == 0);
    CHECK(second.client().get("/metrics").body.find(series) == std::string::npos);

    REQUIRE(client.post(path + "/end", RunningApi::as(host)).status == 200);
    eventually("the series is gone",
               [&] { return api.client().get("/metrics").body.find(series) == std::string::npos; });
    // The other one takes over when the holder dies.
    api.process().kill();
    eventually("the lease moves", [&] { return second.metric("stream_active_sessions") == 1; });
}

TEST_CASE_METHOD(Fixture, "joins, leaves and durations are counted by scene and at the end") {
    auto client = api.client();
    const std::string scene = database.execute("SELECT scene_id FROM stream_sessions");
    client.post(path + "/join", RunningApi::as("did:plc:a"));
    client.post(path + "/join", RunningApi::as("did:plc:b"));
    client.post(path + "/leave", RunningApi::as("did:plc:a"));
    // An event's stream counts for the event's scene.
    const std::string event = uuid_v7().to_string();
    database.execute("INSERT INTO events (id, uri, author_did, rev, scene_id, title) VALUES ('" +
                     event + "', 'at://x', '" + host + "', 'r', '" + scene + "', 'Night')");
    const Answer made =
        client.post("/streams", RunningApi::as(host), "{\"event_id\":\"" + event + "\"}");
    REQUIRE(made.status == 201);
    const std::string night = made.json()["id"].GetString();
    client.post("/streams/" + night + "/join", RunningApi::as("did:plc:a"));
    CHECK(api.metric("stream_scene_joins_total{scene_id=\"" + scene + "\"}") == 3);
    CHECK(api.metric("stream_scene_leaves_total{scene_id=\"" + scene + "\"}") == 1);

    CHECK(client.post(path + "/end", RunningApi::as(host)).status == 200);
    CHECK(client.post(path + "/end", RunningApi::as(host)).status == 200);
    CHECK(api.metric("stream_duration_seconds_count") == 1);
}
