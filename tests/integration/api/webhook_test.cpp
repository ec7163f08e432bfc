#include "integration/api/running_api.hpp"
#include "livekit/access.hpp"
#include "livekit/running_stub.hpp"

#include <catch2/catch.hpp>

#include <ctime>
#include <thread>

using namespace subcults::test;
namespace stub = subcults::livekit_stub;

namespace {

const std::string host = "did:plc:host";
const std::string listener = "did:plc:listener";

// An API with its LiveKit, and one stream.
struct House {
    explicit House(Process::Environment extra = {})
        : database(TestDatabase::migrated()), api(database.url(), with(std::move(extra))) {
        livekit.report_to(api.port());
        stream = create_stream(database, api, host);
        room = database.execute("SELECT room_name FROM stream_sessions");
    }
    Process::Environment with(Process::Environment extra) {
        Process::Environment all = livekit.environment();
        // Repairs would hide what webhooks do.
        all["LIVEKIT_RECONCILE_SECONDS"] = "3600";
        for (auto& [name, value] : extra)
            all[name] = value;
        return all;
    }
    // Gets a token, connects with it; the participant id.
    std::string connect(const std::string& did, const std::string& more = {}) {
        auto client = api.client();
        const auto token = client.post("/streams/" + stream + "/token", RunningApi::as(did)).json();
        const auto connected =
            livekit.control("connect", "{\"token\":\"" + std::string(token["token"].GetString()) +
                                           "\"" + more + "}");
        return connected["identity"].GetString();
    }
    std::string who(const std::string& identity) const {
        return "{\"room\":\"" + room + "\",\"identity\":\"" + identity + "\"}";
    }
    // Whether the database has this participant present: "t", "f" or "" for unknown.
    std::string present(const std::string& identity) const {
        return database.execute(
            "SELECT joined_at IS NOT NULL AND left_at IS NULL FROM stream_participants"
            " WHERE participant_id = '" +
            identity + "'");
    }
    bool quiet() const {
        return database.execute("SELECT count(*) FROM livekit_inbox WHERE processed_at IS NULL") ==
               "0";
    }

    TestDatabase database;
    RunningStub livekit;
    RunningApi api;
    std::string stream;
    std::string room;
};

Headers signed_headers(const std::string& body, const std::string& secret = RunningStub::api_secret,
                       const std::string& type = "application/webhook+json") {
    return {{"Authorization",
             stub::sign_webhook(body, RunningStub::api_key, secret, std::time(nullptr))},
            {"Content-Type", type}};
}

std::string room_event(const std::string& event, const std::string& id, const std::string& room) {
    return "{\"event\":\"" + event + "\",\"id\":\"" + id + "\",\"createdAt\":\"" +
           std::to_string(std::time(nullptr)) + "\",\"room\":{\"sid\":\"RM_1\",\"name\":\"" + room +
           "\",\"turnPassword\":\"hush\"}}";
}

constexpr const char* endpoint = "/internal/livekit/webhook";

}  // namespace

TEST_CASE("LiveKit's events say who is there, and change no counters of requests") {
    House house;
    const std::string id = house.connect(listener);
    eventually("the listener is present", [&] { return house.present(id) == "t"; });
    CHECK(house.database.execute("SELECT active_count FROM stream_sessions") == "1");
    CHECK(house.database.execute("SELECT join_count FROM stream_sessions") == "0");

    house.livekit.control("leave", house.who(id));
    eventually("the listener is gone", [&] { return house.present(id) == "f"; });
    CHECK(house.database.execute("SELECT active_count FROM stream_sessions") == "0");
    CHECK(house.database.execute("SELECT leave_count FROM stream_sessions") == "0");

    // Connecting anew while connected puts the old connection out: the newer one counts.
    house.connect(listener);
    house.connect(listener);
    eventually("all is processed", [&] {
        return house.api.metric(
                   "livekit_webhooks_total{event=\"participant_joined\","
                   "outcome=\"stored\"}") == 3 &&
               house.quiet();
    });
    CHECK(house.present(id) == "t");
    CHECK(house.database.execute("SELECT active_count FROM stream_sessions") == "1");
}

TEST_CASE("one that never got connected, agents and hidden ones are nobody") {
    House house;
    const std::string id = house.connect(listener, ",\"pending\":true");
    house.livekit.control("abort", house.who(id));
    house.livekit.control(
        "join", "{\"room\":\"" + house.room + "\",\"identity\":\"agent-1\",\"kind\":\"AGENT\"}");
    house.livekit.control("join",
                          "{\"room\":\"" + house.room + "\",\"identity\":\"spy\",\"hidden\":true}");
    house.livekit.control("join", "{\"room\":\"" + house.room + "\",\"identity\":\"stranger\"}");
    eventually("all is processed", [&] {
        return house.api.metric(
                   "livekit_webhooks_total{event=\"participant_joined\","
                   "outcome=\"stored\"}") == 1 &&
               house.quiet();
    });
    CHECK(house.api.metric("livekit_webhooks_total{event=\"participant_joined\","
                           "outcome=\"ignored\"}") == 2);
    CHECK(house.present(id) == "f");
    CHECK(house.database.execute("SELECT active_count FROM stream_sessions") == "0");
    CHECK(house.database.execute("SELECT count(*) FROM stream_participants"
                                 " WHERE participant_id IN ('agent-1', 'spy', 'stranger')") == "0");
}

TEST_CASE("events that come twice or in the wrong order end in the same truth") {
    House house;
    house.livekit.control("hold");
    const std::string id = house.connect(listener);
    house.livekit.control("leave", house.who(id));
    house.connect(listener);
    house.livekit.control("release", "{\"reversed\":true}");
    eventually("the events are in", [&] {
        return house.database.execute(
                   "SELECT count(*) FROM livekit_inbox WHERE processed_at IS"
                   " NOT NULL AND event LIKE 'participant%'") == "3";
    });
    CHECK(house.present(id) == "t");
    CHECK(house.database.execute("SELECT active_count FROM stream_sessions") == "1");

    house.livekit.control("replay", "{\"count\":10}");
    eventually("the repeats were recognised", [&] {
        return house.api.metric(
                   "livekit_webhooks_total{event=\"participant_left\","
                   "outcome=\"duplicate\"}") == 1;
    });
    CHECK(house.present(id) == "t");
    CHECK(house.database.execute("SELECT count(*) FROM livekit_inbox") == "4");
}

TEST_CASE("nothing of a webhook is kept but what is needed") {
    House house;
    house.connect(listener);
    eventually("events are stored",
               [&] { return house.database.execute("SELECT count(*) FROM livekit_inbox") == "2"; });
    CHECK(house.database.execute("SELECT count(*) FROM livekit_inbox i WHERE i::text LIKE"
                                 " '%turn%' OR i::text LIKE '%did:%'") == "0");
    CHECK(house.api.process().output().find("turn-password") == std::string::npos);
}

TEST_CASE("forged and malformed webhooks are refused and store nothing") {
    House house;
    auto client = house.api.client();
    const std::string body = room_event("room_started", "EV_1", house.room);
    CHECK(client.post(endpoint, {{"Content-Type", "application/webhook+json"}}, body).status ==
          401);
    CHECK(client.post(endpoint, signed_headers(body, "another-secret-of-32-characters!"), body)
              .status == 401);
    CHECK(client.post(endpoint, signed_headers(body), body + " ").status == 401);
    // A participant's token is signed with the same secret.
    const auto token =
        client.post("/streams/" + house.stream + "/token", RunningApi::as(host)).json();
    CHECK(client
              .post(endpoint,
                    {{"Authorization", token["token"].GetString()},
                     {"Content-Type", "application/webhook+json"}},
                    body)
              .status == 401);
    Headers twice = signed_headers(body);
    twice.emplace_back("Authorization", twice.front().second);
    CHECK(client.post(endpoint, twice, body).status == 401);
    for (const std::string& bad : {std::string("{}"), std::string("not json"), std::string("[]"),
                                   std::string("{\"event\":\"room_started\"}"),
                                   room_event("room_started", "", house.room)}) {
        INFO(bad);
        CHECK(client.post(endpoint, signed_headers(bad), bad).status == 400);
    }
    const std::string huge(1024 * 1024 + 1, ' ');
    CHECK(client.post(endpoint, signed_headers(huge), huge).status == 413);
    CHECK(client.post(endpoint, signed_headers(body, RunningStub::api_secret, "text/plain"), body)
              .status == 415);
    CHECK(house.database.execute("SELECT count(*) FROM livekit_inbox") == "0");
    CHECK(house.api.metric("livekit_webhooks_total{event=\"other\",outcome=\"bad_signature\"}") ==
          5);
    CHECK(house.api.metric("livekit_webhooks_total{event=\"other\",outcome=\"malformed\"}") == 5);

    CHECK(
        client
            .post(endpoint, signed_headers(body, RunningStub::api_secret, "application/json"), body)
            .status == 200);
    CHECK(house.database.execute("SELECT count(*) FROM livekit_inbox") == "1");
    const std::string unknown = "{\"event\":\"invented_yesterday\",\"x\":{}}";
    CHECK(client.post(endpoint, signed_headers(unknown), unknown).status == 200);
    CHECK(house.database.execute("SELECT count(*) FROM livekit_inbox") == "1");
    // LiveKit would take a 413 for a delivery: what it may well send is not too long.
    const std::string large =
        room_event("room_started", "EV_2", house.room) + std::string(900 * 1024, ' ');
    CHECK(client.post(endpoint, signed_headers(large), large).status == 200);
    CHECK(house.database.execute("SELECT count(*) FROM livekit_inbox") == "2");
}

TEST_CASE("a webhook that meets a dead database is asked for again and then counts once") {
    TestPostgres server;
    const TestDatabase database(server.url());
    RunningStub livekit;
    auto environment = RunningApi::environment(database.url());
    {
        Process migrate({program("subcults-api"), "migrate"}, environment);
        REQUIRE(migrate.wait() == 0);
    }
    RunningApi api(database.url(), livekit.environment());
    livekit.report_to(api.port(), 500);
    const std::string stream = create_stream(database, api, host);
    auto client = api.client();
    const auto token =
        client.post("/streams/" + stream + "/token", RunningApi::as(listener)).json();
    server.stop(TestPostgres::Stop::immediate);
    eventually("readiness tells", [&] { return client.get("/health/ready").status == 503; });
    livekit.control("connect", "{\"token\":\"" + std::string(token["token"].GetString()) + "\"}");
    eventually("LiveKit was asked to come again", [&] {
        const auto state = livekit.state();
        return state["webhooks"]["statuses"].HasMember("503");
    });
    server.start();
    eventually("the listener is present after all", [&] {
        return client.get("/health/ready").status == 200 &&
               database.execute("SELECT active_count FROM stream_sessions") == "1";
    });
}

TEST_CASE("events that were stored are processed by whoever starts next") {
    const TestDatabase database = TestDatabase::migrated();
    RunningStub livekit;
    std::string stream;
    std::string id;
    {
        RunningApi api(database.url(), livekit.environment());
        stream = create_stream(database, api, host);
        const auto token =
            api.client().post("/streams/" + stream + "/token", RunningApi::as(listener)).json();
        id = token["participant_id"].GetString();
        api.process().kill();
    }
    database.execute(
        "INSERT INTO livekit_inbox (id, event, room_name, room_sid, participant_id,"
        " participant_sid, joined_at, created_at, received_at)"
        " SELECT 'EV_1', 'participant_joined', room_name, 'RM_1', '" +
        id + "', 'PA_1', now(), now(), now() FROM stream_sessions");
    auto environment = livekit.environment();
    environment["LIVEKIT_RECONCILE_SECONDS"] = "3600";
    RunningApi api(database.url(), environment);
    eventually("the event took effect",
               [&] { return database.execute("SELECT active_count FROM stream_sessions") == "1"; });
}

TEST_CASE("webhooks may come to any replica, whichever processes them") {
    House house;
    auto environment = house.livekit.environment();
    environment["LIVEKIT_RECONCILE_SECONDS"] = "3600";
    RunningApi second(house.database.url(), environment);
    house.livekit.report_to(second.port());
    std::vector<std::string> ids;
    for (int i = 0; i < 20; ++i) {
        ids.push_back(house.connect("did:plc:l" + std::to_string(i)));
        if (i % 2 == 0) house.livekit.control("leave", house.who(ids.back()));
    }
    eventually("all is processed", [&] {
        return house.database.execute(
                   "SELECT count(*) FROM livekit_inbox WHERE event LIKE"
                   " 'participant%' AND processed_at IS NOT NULL") == "30";
    });
    CHECK(house.database.execute("SELECT active_count FROM stream_sessions") == "10");
    CHECK(house.database.execute("SELECT count(*) FROM stream_participants WHERE left_at IS NULL"
                                 " AND joined_at IS NOT NULL") == "10");
}

TEST_CASE("a session ends when its room has been gone for the grace, unless it comes back") {
    House house(Process::Environment{{"STREAM_EMPTY_GRACE_SECONDS", "2"}});
    const std::string finish = "{\"room\":\"" + house.room + "\"}";
    const auto ended = [&] {
        return house.database.execute("SELECT ended_at IS NOT NULL FROM stream_sessions") == "t";
    };
    house.connect(listener);
    house.livekit.control("finish", finish);
    eventually("the end is planned", [&] {
        return house.database.execute("SELECT count(*) FROM livekit_closings") == "1";
    });
    const auto kept =
        house.api.client().post("/streams/" + house.stream + "/token", RunningApi::as(listener));
    const std::string id = house.connect(listener);
    eventually("the end is called off", [&] {
        return house.present(id) == "t" &&
               house.database.execute("SELECT count(*) FROM livekit_closings") == "0";
    });
    CHECK_FALSE(ended());
    house.livekit.control("finish", finish);
    eventually("the session has ended", ended);
    CHECK(house.database.execute("SELECT ended_at - started_at >= interval '2 seconds'"
                                 " FROM stream_sessions") == "t");
    CHECK(house.present(id) == "f");
    CHECK(house.api.client()
              .post("/streams/" + house.stream + "/token", RunningApi::as(listener))
              .status == 409);
    // Whoever still has a token brings the room back: it is deleted again.
    eventually("the room was to be deleted at the end",
               [&] { return house.livekit.calls("DeleteRoom") >= 1; });
    const auto deletions = house.livekit.calls("DeleteRoom");
    const std::string token = kept.json()["token"].GetString();
    house.livekit.control("connect", "{\"token\":\"" + token + "\"}");
    eventually("the room is gone again", [&] {
        return house.livekit.calls("DeleteRoom") > deletions && !house.livekit.has_room(house.room);
    });
    CHECK(house.present(id) == "f");
}

TEST_CASE("a join without a token's time is measured once, by the track and the connection") {
    House house;
    const std::string speaker = house.connect(host);
    const std::string id = house.connect(listener);
    REQUIRE(house.api.client()
                .post("/streams/" + house.stream + "/join", RunningApi::as(listener))
                .status == 200);
    eventually("both are present",
               [&] { return house.present(id) == "t" && house.present(speaker) == "t"; });
    CHECK(house.api.metric("stream_join_latency_seconds_count") == 0);
    house.livekit.control("publish", house.who(speaker));
    eventually("the join was measured",
               [&] { return house.api.metric("stream_join_latency_seconds_count") == 1; });
    house.livekit.control("publish", house.who(speaker));
    house.livekit.control("replay", "{\"count\":20}");
    eventually("the repeats were recognised", [&] {
        return house.api.metric(
                   "livekit_webhooks_total{event=\"track_published\","
                   "outcome=\"duplicate\"}") == 2 &&
               house.quiet();
    });
    CHECK(house.api.metric("stream_join_latency_seconds_count") == 1);
}
