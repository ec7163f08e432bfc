#include "integration/api/livekit_scenario.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <csignal>

using namespace subcults::test;

namespace {

const std::string host = "did:plc:host";
const std::string listener = "did:plc:listener";

}  // namespace

TEST_CASE("a kick puts the participant out of LiveKit, and for good") {
    Scenario scenario;
    scenario.livekit.report_to(scenario.api.port());
    const std::string before = scenario.token(listener);
    const std::string id = scenario.connect(listener);
    eventually("the listener is present", [&] { return scenario.present(id) == "t"; });
    REQUIRE(scenario.api.client()
                .post(scenario.participant_path(id, "kick"), RunningApi::as(host))
                .status == 200);
    eventually("LiveKit has put the listener out",
               [&] { return !scenario.livekit.has(scenario.room, id); });
    CHECK(scenario.api.client()
              .post("/streams/" + scenario.stream + "/token", RunningApi::as(listener))
              .status == 403);
    // LiveKit does not revoke tokens: whoever comes back with an old one is put out again.
    scenario.connect_with(before);
    eventually("and again", [&] {
        return scenario.livekit.calls("RemoveParticipant") >= 2 &&
               !scenario.livekit.has(scenario.room, id);
    });
    eventually("nothing is left to do", [&] { return scenario.outbox_empty(); });
    CHECK(scenario.present(id) == "f");
}

TEST_CASE("mute silences every audio track of a participant, unmute lifts that") {
    Scenario scenario;
    const std::string id = scenario.connect(host);
    scenario.livekit.control("publish", scenario.who(id));
    scenario.livekit.control("publish", scenario.who(id));
    const auto tracks = [&] {
        const auto state = scenario.livekit.state();
        std::string all;
        for (const auto& track :
             state["rooms"][scenario.room.c_str()][id.c_str()]["tracks"].GetArray()) {
            all += std::string(track.GetString()) + " ";
        }
        return all;
    };
    auto client = scenario.api.client();
    const std::string path = scenario.participant_path(id, "mute");
    REQUIRE(client.post(path, RunningApi::as(host), "{\"muted\":true}").status == 200);
    eventually("both are muted", [&] { return tracks() == "muted muted "; });
    REQUIRE(client.post(path, RunningApi::as(host), "{\"muted\":false}").status == 200);
    eventually("both are live", [&] { return tracks() == "live live "; });
    eventually("nothing is left to do", [&] { return scenario.outbox_empty(); });
}

TEST_CASE("ending a session deletes its room, and whoever brings it back is out again") {
    Scenario scenario;
    scenario.livekit.report_to(scenario.api.port());
    const std::string token = scenario.token(listener);
    scenario.connect_with(token);
    REQUIRE(scenario.livekit.has_room(scenario.room));
    REQUIRE(scenario.api.client()
                .post("/streams/" + scenario.stream + "/end", RunningApi::as(host))
                .status == 200);
    eventually("the room is gone", [&] { return !scenario.livekit.has_room(scenario.room); });
    scenario.connect_with(token);
    eventually("and again", [&] {
        return scenario.livekit.calls("DeleteRoom") >= 2 &&
               !scenario.livekit.has_room(scenario.room);
    });
}

TEST_CASE("what LiveKit could not do yet is done when it is back") {
    Scenario scenario;
    scenario.connect(listener);
    scenario.livekit.fault(
        "{\"method\":\"DeleteRoom\",\"kind\":\"twirp\",\"status\":503,"
        "\"code\":\"unavailable\",\"times\":2}");
    REQUIRE(scenario.api.client()
                .post("/streams/" + scenario.stream + "/end", RunningApi::as(host))
                .status == 200);
    eventually("the room is gone", [&] { return !scenario.livekit.has_room(scenario.room); });
    CHECK(scenario.livekit.calls("DeleteRoom") >= 3);
    // Two refusals are one failed request. On a slow machine requests also end by their time limit,
    // the one that deleted the room too: then the next one finds nothing to delete.
    eventually("a failure and a success are counted", [&] {
        const auto requests = [&](const std::string& outcome) {
            return scenario.api.metric("livekit_requests_total{method=\"DeleteRoom\",outcome=\"" +
                                       outcome + "\"}");
        };
        return requests("unavailable") + requests("timeout") >= 1 &&
               requests("ok") + requests("not_found") >= 1;
    });
    eventually("nothing is left to do", [&] { return scenario.outbox_empty(); });

    SECTION("after a restart of the API too") {
        // Nobody is there to do it while the API is down.
        scenario.livekit.control("join", "{\"room\":\"scene-left\",\"identity\":\"x\"}");
        scenario.api.process().kill();
        scenario.database.execute(
            "INSERT INTO livekit_outbox (stream_session_id, action, room_name)"
            " SELECT id, 'delete_room', 'scene-left' FROM stream_sessions");
        RunningApi next(scenario.database.url(), scenario.livekit.environment());
        eventually("the room is gone", [&] { return !scenario.livekit.has_room("scene-left"); });
    }
}

TEST_CASE("every way in which LiveKit fails leaves sessions alone and is counted") {
    Scenario scenario(Process::Environment{{"LIVEKIT_RECONCILE_SECONDS", "1"}});
    const std::string id = scenario.connect(listener);
    struct Way {
        std::string fault;
        std::string outcome;
    };
    const std::vector<Way> ways = {
        {"{\"method\":\"ListRooms\",\"kind\":\"plain401\",\"times\":1}", "unauthenticated"},
        {"{\"method\":\"ListRooms\",\"kind\":\"status\",\"status\":502,\"times\":2}",
         "unavailable"},
        {"{\"method\":\"ListRooms\",\"kind\":\"reset\",\"times\":4}", "connection"},
        {"{\"method\":\"ListRooms\",\"kind\":\"hang\",\"times\":2}", "timeout"},
        {"{\"method\":\"ListRooms\",\"kind\":\"twirp\",\"status\":412,"
         "\"code\":\"failed_precondition\",\"times\":1}",
         "refused"},
    };
    for (const Way& way : ways) {
        INFO(way.fault);
        scenario.livekit.fault(way.fault);
        eventually(way.outcome + " was counted", [&] {
            return scenario.api.metric("livekit_requests_total{method=\"ListRooms\",outcome=\"" +
                                       way.outcome + "\"}") >= 1;
        });
    }
    scenario.livekit.control("clear");
    CHECK(scenario.database.execute("SELECT ended_at IS NULL FROM stream_sessions") == "t");
    CHECK(scenario.api.client().get("/health/ready").status == 200);
    eventually("reconciliation goes on, and found the listener",
               [&] { return scenario.present(id) == "t"; });
}

TEST_CASE("a dead LiveKit is asked less and less, and found when it is back") {
    Scenario scenario;
    scenario.livekit.fault("{\"kind\":\"reset\"}");
    eventually("the circuit is open",
               [&] { return scenario.api.metric("livekit_circuit_open") == 1; });
    auto client = scenario.api.client();
    CHECK(client.get("/health/ready").body.find("\"livekit\":\"unreachable\"") !=
          std::string::npos);
    const auto calls = scenario.livekit.calls("ListRooms") + scenario.livekit.calls("DeleteRoom");
    // Actions wait in the outbox without being tried, and the answer does not wait for them.
    const auto begun = std::chrono::steady_clock::now();
    REQUIRE(client.post("/streams/" + scenario.stream + "/end", RunningApi::as(host)).status ==
            200);
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(1));
    CHECK_FALSE(scenario.outbox_empty());
    CHECK(scenario.livekit.calls("ListRooms") + scenario.livekit.calls("DeleteRoom") <= calls + 1);
    scenario.livekit.control("clear");
    eventually("the action is done", [&] { return scenario.outbox_empty(); });
    CHECK(scenario.api.metric("livekit_circuit_open") == 0);
}

TEST_CASE("reconciliation finds who came and who went without a webhook") {
    Scenario scenario;
    const std::string id = scenario.connect(listener);
    eventually("the listener was found", [&] { return scenario.present(id) == "t"; });
    CHECK(scenario.database.execute("SELECT active_count FROM stream_sessions") == "1");
    CHECK(scenario.database.execute("SELECT join_count FROM stream_sessions") == "0");
    eventually("it was counted",
               [&] { return scenario.api.metric("livekit_repairs_total{kind=\"joined\"}") == 1; });

    scenario.livekit.control(
        "join", "{\"room\":\"" + scenario.room + "\",\"identity\":\"agent\",\"kind\":\"AGENT\"}");
    scenario.livekit.control("leave", scenario.who(id));
    eventually("the absence was found", [&] { return scenario.present(id) == "f"; });
    CHECK(scenario.database.execute("SELECT active_count FROM stream_sessions") == "0");
    eventually("it was counted",
               [&] { return scenario.api.metric("livekit_repairs_total{kind=\"left\"}") == 1; });
    CHECK(scenario.database.execute("SELECT ended_at IS NULL FROM stream_sessions") == "t");
}

TEST_CASE("a room that vanished without a webhook ends its session after the grace") {
    Scenario scenario(Process::Environment{{"STREAM_EMPTY_GRACE_SECONDS", "1"}});
    const std::string id = scenario.connect(listener);
    eventually("the listener was found", [&] { return scenario.present(id) == "t"; });
    scenario.livekit.control("finish", "{\"room\":\"" + scenario.room + "\"}");
    eventually("the session has ended", [&] {
        return scenario.database.execute("SELECT ended_at IS NOT NULL FROM stream_sessions") == "t";
    });
}

TEST_CASE("a session whose room nobody has entered is left alone") {
    Scenario scenario(Process::Environment{{"STREAM_EMPTY_GRACE_SECONDS", "1"}});
    REQUIRE(scenario.api.client()
                .post("/streams/" + scenario.stream + "/join", RunningApi::as(listener))
                .status == 200);
    const auto rounds = scenario.livekit.calls("ListRooms");
    eventually("some rounds have passed",
               [&] { return scenario.livekit.calls("ListRooms") >= rounds + 4; });
    CHECK(scenario.database.execute("SELECT ended_at IS NULL FROM stream_sessions") == "t");
    CHECK(scenario.database.execute("SELECT active_count FROM stream_sessions") == "1");
}

TEST_CASE("of two replicas one reconciles, and the other takes over when it is killed") {
    Scenario scenario;
    eventually("the first holds the lease", [&] {
        return scenario.api.process().output().find("livekit lease taken") != std::string::npos;
    });
    RunningApi second(scenario.database.url(), scenario.livekit.environment());
    const std::string id = scenario.connect(listener);
    eventually("the listener was found", [&] { return scenario.present(id) == "t"; });
    CHECK(second.metric("livekit_repairs_total{kind=\"joined\"}") == 0);
    scenario.api.process().kill();
    scenario.livekit.control("leave", scenario.who(id));
    eventually("the second has found the absence", [&] { return scenario.present(id) == "f"; });
    // The row is there a moment before the answer to it has been read.
    eventually("the second has counted it",
               [&] { return second.metric("livekit_repairs_total{kind=\"left\"}") == 1; });
}

TEST_CASE("the API stops in time while LiveKit hangs") {
    Scenario scenario;
    scenario.livekit.fault("{\"kind\":\"hang\"}");
    REQUIRE(scenario.api.client()
                .post("/streams/" + scenario.stream + "/end", RunningApi::as(host))
                .status == 200);
    eventually("a call hangs", [&] { return scenario.livekit.calls("DeleteRoom") >= 1; });
    scenario.api.process().signal(SIGTERM);
    CHECK(scenario.api.process().wait(std::chrono::seconds(8)) == 0);
}
