// What nobody reported, or what LiveKit would not do at first: found and put right all the same.
#include "integration/api/livekit_scenario.hpp"

#include <catch2/catch.hpp>

#include <chrono>

using namespace subcults::test;

namespace {

const std::string host = "did:plc:host";
const std::string listener = "did:plc:listener";
const Process::Environment no_reconciliation{{"LIVEKIT_RECONCILE_SECONDS", "3600"}};

unsigned kick(const Scenario& scenario, const std::string& id) {
    return scenario.api.client()
        .post(scenario.participant_path(id, "kick"), RunningApi::as(host))
        .status;
}

unsigned readmit(const Scenario& scenario, const std::string& id) {
    return scenario.api.client()
        .request("DELETE", scenario.participant_path(id, "kick"), RunningApi::as(host))
        .status;
}

bool gave_up(Scenario& scenario) {
    return scenario.api.process().output().find("livekit action given up") != std::string::npos;
}

}  // namespace

TEST_CASE("a kick outlasts a proxy that answers for a LiveKit it cannot find") {
    Scenario scenario(no_reconciliation);
    const std::string id = scenario.connect(listener);
    scenario.livekit.fault(
        "{\"method\":\"RemoveParticipant\",\"kind\":\"status\",\"status\":404,\"times\":1}");
    REQUIRE(kick(scenario, id) == 200);
    eventually("LiveKit has put the listener out",
               [&] { return !scenario.livekit.has(scenario.room, id); });
    CHECK(scenario.livekit.calls("RemoveParticipant") == 2);
    eventually("nothing is left to do", [&] { return scenario.outbox_empty(); });
}

TEST_CASE("somebody who was kicked and is there all the same is found and put out") {
    Scenario scenario;
    const std::string id = scenario.connect(listener);
    eventually("the listener was found", [&] { return scenario.present(id) == "t"; });
    scenario.livekit.fault(
        "{\"method\":\"RemoveParticipant\",\"kind\":\"twirp\",\"status\":400,"
        "\"code\":\"invalid_argument\",\"times\":1}");
    REQUIRE(kick(scenario, id) == 200);
    eventually("the removal was given up", [&] { return gave_up(scenario); });
    eventually("and was ordered anew", [&] { return !scenario.livekit.has(scenario.room, id); });
    CHECK(scenario.livekit.calls("RemoveParticipant") >= 2);
    CHECK(scenario.present(id) == "f");
    eventually("nothing is left to do", [&] { return scenario.outbox_empty(); });
}

TEST_CASE("a removal that waits does not hit somebody who was readmitted meanwhile") {
    Scenario scenario(no_reconciliation);
    const std::string id = scenario.connect(listener);
    scenario.livekit.fault(
        "{\"method\":\"RemoveParticipant\",\"kind\":\"twirp\",\"status\":503,"
        "\"code\":\"unavailable\"}");
    REQUIRE(kick(scenario, id) == 200);
    eventually("LiveKit has failed to do it",
               [&] { return scenario.livekit.calls("RemoveParticipant") >= 1; });
    REQUIRE(readmit(scenario, id) == 200);
    const auto calls = scenario.livekit.calls("RemoveParticipant");
    scenario.livekit.control("clear");
    eventually("nothing is left to do", [&] { return scenario.outbox_empty(); });
    CHECK(scenario.livekit.calls("RemoveParticipant") == calls);
    CHECK(scenario.livekit.has(scenario.room, id));
}

TEST_CASE("a removal that was taken up before the readmission is not carried out after it") {
    Scenario scenario(no_reconciliation);
    const std::string id = scenario.connect(listener);
    // Three actions that are taken up together, of which the first one takes its time.
    scenario.livekit.fault("{\"method\":\"DeleteRoom\",\"kind\":\"hang\",\"times\":1}");
    scenario.database.execute(
        "WITH banned AS (INSERT INTO stream_bans (stream_session_id, participant_id, banned_at)"
        " SELECT id, '" +
        id +
        "', now() FROM stream_sessions)"
        " INSERT INTO livekit_outbox (stream_session_id, action, room_name, participant_id)"
        " SELECT s.id, a.action, coalesce(a.room, s.room_name), a.who FROM stream_sessions s,"
        " (VALUES (1, 'delete_room', 'before', NULL), (2, 'remove_participant', NULL, '" +
        id + "'), (3, 'delete_room', 'behind', NULL)) AS a(n, action, room, who) ORDER BY a.n");
    eventually("the first one hangs", [&] { return scenario.livekit.calls("DeleteRoom") == 1; });
    CHECK(scenario.database.execute("SELECT attempts FROM livekit_outbox"
                                    " WHERE action = 'remove_participant'") == "1");
    REQUIRE(readmit(scenario, id) == 200);
    scenario.livekit.control("clear");
    eventually("the last one is done", [&] {
        return scenario.outbox_empty() && scenario.livekit.calls("DeleteRoom") >= 2;
    });
    CHECK(scenario.livekit.calls("RemoveParticipant") == 0);
    CHECK(scenario.livekit.has(scenario.room, id));
}

TEST_CASE("an unmute that LiveKit does not allow is given up") {
    Scenario scenario(no_reconciliation);
    const std::string id = scenario.connect(host);
    scenario.livekit.control("publish", scenario.who(id));
    auto client = scenario.api.client();
    const std::string path = scenario.participant_path(id, "mute");
    REQUIRE(client.post(path, RunningApi::as(host), "{\"muted\":true}").status == 200);
    eventually("the track is muted", [&] {
        return scenario.outbox_empty() && scenario.livekit.calls("MutePublishedTrack") == 1;
    });
    scenario.livekit.fault(
        "{\"method\":\"MutePublishedTrack\",\"kind\":\"twirp\",\"status\":412,"
        "\"code\":\"failed_precondition\"}");
    CHECK(client.post(path, RunningApi::as(host), "{\"muted\":false}").status == 200);
    eventually("it was given up", [&] { return gave_up(scenario) && scenario.outbox_empty(); });
    CHECK(scenario.livekit.calls("MutePublishedTrack") == 2);
}

TEST_CASE("actions about one participant follow one another without pauses") {
    Scenario scenario(no_reconciliation);
    constexpr int actions = 20;
    const auto begun = std::chrono::steady_clock::now();
    scenario.database.execute(
        "INSERT INTO livekit_outbox (stream_session_id, action, room_name)"
        " SELECT id, 'delete_room', 'elsewhere' FROM stream_sessions, generate_series(1, " +
        std::to_string(actions) + ")");
    eventually("all are done", [&] { return scenario.outbox_empty(); });
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(actions / 2));
    CHECK(scenario.livekit.calls("DeleteRoom") == actions);
}

TEST_CASE("the room of an ended session that came back without a word is deleted") {
    Scenario scenario;
    scenario.connect(listener);
    scenario.livekit.control("join", "{\"room\":\"another-service\",\"identity\":\"x\"}");
    REQUIRE(scenario.api.client()
                .post("/streams/" + scenario.stream + "/end", RunningApi::as(host))
                .status == 200);
    eventually("the room is gone", [&] {
        return !scenario.livekit.has_room(scenario.room) && scenario.outbox_empty();
    });
    const std::string repaired = "livekit_repairs_total{kind=\"room\"}";
    const double before = scenario.api.metric(repaired);
    scenario.livekit.control("join", scenario.who("late"));
    eventually("the room is gone again", [&] {
        return !scenario.livekit.has_room(scenario.room) && scenario.api.metric(repaired) > before;
    });
    CHECK(scenario.livekit.has_room("another-service"));
}

TEST_CASE("whoever joins and never gets to LiveKit is gone after a minute") {
    Scenario scenario;
    auto client = scenario.api.client();
    const std::string path = "/streams/" + scenario.stream + "/join";
    const std::string there = scenario.connect(host);
    REQUIRE(client.post(path, RunningApi::as("did:plc:lost")).status == 200);
    const std::string lost = scenario.database.execute(
        "SELECT participant_id FROM stream_participants WHERE stay <> ''");
    REQUIRE(client.post(path, RunningApi::as("did:plc:slow")).status == 200);
    const std::string slow = scenario.database.execute(
        "SELECT participant_id FROM stream_participants WHERE stay <> '' AND participant_id <> '" +
        lost + "'");
    eventually("the host was found", [&] { return scenario.present(there) == "t"; });
    CHECK(scenario.present(lost) == "t");

    scenario.database.execute(
        "UPDATE stream_sessions SET started_at = started_at - interval '1 hour'");
    scenario.database.execute(
        "UPDATE stream_participants SET joined_at = joined_at - interval '2 minutes',"
        " first_joined_at = first_joined_at - interval '2 minutes' WHERE participant_id = '" +
        lost + "'");
    eventually("the lost one is gone", [&] { return scenario.present(lost) == "f"; });
    CHECK(scenario.present(slow) == "t");
    CHECK(scenario.present(there) == "t");
    CHECK(scenario.database.execute("SELECT active_count FROM stream_sessions") == "2");
    eventually("it was counted",
               [&] { return scenario.api.metric("livekit_repairs_total{kind=\"left\"}") == 1; });
    CHECK(scenario.database.execute("SELECT leave_count FROM stream_sessions") == "0");
}

TEST_CASE("however many sessions there are, each is looked after") {
    Scenario scenario;
    // More than two pages, all of the same moment, so that the pages are told apart by id.
    scenario.database.execute(
        "INSERT INTO stream_sessions (id, room_name, host_did, scene_id, started_at, head_at, kid)"
        " SELECT gen_random_uuid(), 'scene-old-' || i, 'did:plc:old', gen_random_uuid(),"
        " s.started_at - interval '1 day', s.started_at, s.kid"
        " FROM stream_sessions s, generate_series(1, 1200) i");
    scenario.database.execute(
        "INSERT INTO stream_rooms (room_name, session_id) SELECT room_name,"
        " id FROM stream_sessions ON CONFLICT DO NOTHING");
    scenario.database.execute(
        "INSERT INTO stream_participants (stream_session_id, participant_id, token_issued_at)"
        " SELECT id, 'user-' || room_name, started_at FROM stream_sessions"
        " WHERE room_name IN ('scene-old-1', 'scene-old-700', 'scene-old-1200')");
    for (const char* room : {"scene-old-1", "scene-old-700", "scene-old-1200"}) {
        scenario.livekit.control(
            "join", "{\"room\":\"" + std::string(room) + "\",\"identity\":\"user-" + room + "\"}");
    }
    scenario.connect(listener);
    eventually("everybody was found", [&] {
        return scenario.database.execute("SELECT sum(active_count) FROM stream_sessions") == "4";
    });
}
