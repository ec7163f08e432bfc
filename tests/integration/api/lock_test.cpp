// What hosts do: lock, kick, mute; and what of it holds when everybody acts at once.
#include "integration/api/running_api.hpp"

#include "base/uuid.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <csignal>
#include <thread>

using namespace subcults;
using namespace subcults::test;

namespace {

const std::string host = "did:plc:host";
const std::string listener = "did:plc:listener";

// A LiveKit that is configured and away: what is ordered stays in the outbox, to be looked at.
const Process::Environment dead_livekit{{"LIVEKIT_URL", "ws://127.0.0.1:1"},
                                        {"LIVEKIT_API_KEY", "devkey"},
                                        {"LIVEKIT_API_SECRET", std::string(32, 's')}};

struct Fixture {
    TestDatabase database = TestDatabase::migrated();
    std::unique_ptr<RunningApi> api = std::make_unique<RunningApi>(database.url(), dead_livekit);
    std::string id = create_stream(database, *api, host);
    std::string path = "/streams/" + id;

    std::string sql(const std::string& text) const { return database.execute(text); }
    Answer post(const std::string& what, const std::string& did, const std::string& body = "") {
        return api->client().post(path + what, RunningApi::as(did), body);
    }
    Answer lock(bool locked, const std::string& did = host) {
        return api->client().request("PATCH", path + "/lock", RunningApi::as(did),
                                     locked ? R"({"locked":true})" : R"({"locked":false})");
    }
    Answer readmit(const std::string& participant, const std::string& did = host) {
        return api->client().request("DELETE", path + "/participants/" + participant + "/kick",
                                     RunningApi::as(did));
    }
    // The one participant so far.
    std::string participant() const {
        return sql("SELECT participant_id FROM stream_participants");
    }
    // The counts agree with the rows they count.
    void check_consistent() const {
        CHECK(sql("SELECT active_count = (SELECT count(*) FROM stream_participants p WHERE"
                  " p.stream_session_id = s.id AND joined_at IS NOT NULL AND left_at IS NULL)"
                  " FROM stream_sessions s") == "t");
        CHECK(sql("SELECT join_count = (SELECT count(*) FROM audit_logs WHERE action = 'joined'"
                  " AND outcome = 'success') FROM stream_sessions") == "t");
        CHECK(sql("SELECT count(*) = max(seq) FROM audit_logs") == "t");
        CHECK(sql("SELECT head_seq = (SELECT max(seq) FROM audit_logs) FROM stream_sessions") ==
              "t");
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a locked stream is closed to all but its host, also after a restart") {
    REQUIRE(post("/join", listener).status == 200);
    CHECK(lock(true, listener).status == 403);
    const Answer locked = lock(true);
    CHECK(locked.status == 200);
    CHECK(locked.body == "{\"stream_id\":\"" + id + "\",\"locked\":true}");
    CHECK(lock(true).status == 200);

    api.reset();
    api = std::make_unique<RunningApi>(database.url(), dead_livekit);
    const Answer refused = post("/join", "did:plc:late");
    CHECK(refused.status == 403);
    CHECK(refused.error_code() == "stream_locked");
    CHECK(post("/token", "did:plc:late").status == 403);
    CHECK(post("/join", host).status == 200);
    CHECK(post("/leave", listener).status == 200);
    CHECK(lock(false).status == 200);
    CHECK(post("/join", "did:plc:late").status == 200);

    CHECK(sql("SELECT string_agg(action || ' ' || outcome, ',' ORDER BY seq) FROM audit_logs") ==
          "created success,joined success,locked failure,locked success,joined failure,"
          "token_issued failure,joined success,left success,unlocked success,joined success");
    check_consistent();
}

TEST_CASE_METHOD(Fixture, "a kicked participant is out for good, until it is readmitted") {
    REQUIRE(post("/join", listener).status == 200);
    const std::string guest = participant();
    const std::string kick = "/participants/" + guest + "/kick";
    CHECK(post(kick, listener).status == 403);
    const Answer kicked = post(kick, host);
    CHECK(kicked.status == 200);
    CHECK(kicked.body == "{\"stream_id\":\"" + id + "\",\"participant_id\":\"" + guest +
                             "\",\"status\":\"kicked\"}");
    CHECK(post(kick, host).status == 200);
    CHECK(sql("SELECT active_count FROM stream_sessions") == "0");
    CHECK(sql("SELECT count(*) FROM livekit_outbox WHERE action = 'remove_participant' AND"
              " participant_id = '" +
              guest + "' AND room_name LIKE 'scene-%'") == "1");

    api.reset();
    api = std::make_unique<RunningApi>(database.url(), dead_livekit);
    const Answer refused = post("/join", listener);
    CHECK(refused.status == 403);
    CHECK(refused.error_code() == "kicked");
    CHECK(post("/token", listener).status == 403);
    CHECK(post("/leave", listener).status == 200);
    CHECK(readmit(guest, listener).status == 403);
    CHECK(readmit(guest).status == 200);
    // What LiveKit has not done yet it shall not do any more.
    CHECK(sql("SELECT count(*) FROM livekit_outbox") == "0");
    CHECK(readmit(guest).status == 200);
    CHECK(post("/token", listener).status == 200);
    CHECK(post("/join", listener).status == 200);
    check_consistent();
}

TEST_CASE_METHOD(Fixture, "muting is recorded and left for LiveKit to do") {
    REQUIRE(post("/join", listener).status == 200);
    const std::string mute = "/participants/" + participant() + "/mute";
    CHECK(post(mute, listener, R"({"muted":true})").status == 403);
    CHECK(post(mute, host, R"({"muted":"yes"})").status == 400);
    const Answer muted = post(mute, host, R"({"muted":true})");
    CHECK(muted.status == 200);
    CHECK(muted.body == "{\"stream_id\":\"" + id + "\",\"participant_id\":\"" + participant() +
                            "\",\"muted\":true}");
    CHECK(post(mute, host, R"({"muted":false})").status == 200);
    CHECK(sql("SELECT string_agg(action || ' ' || muted, ',' ORDER BY id) FROM livekit_outbox") ==
          "mute true,unmute false");
}

TEST_CASE("without LiveKit a participant is not muted, but kicked all the same") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url());
    const std::string path = "/streams/" + create_stream(database, api, host);
    auto client = api.client();
    REQUIRE(client.post(path + "/join", RunningApi::as(listener)).status == 200);
    const std::string guest = path + "/participants/" +
                              database.execute("SELECT participant_id FROM stream_participants");
    const Answer mute = client.post(guest + "/mute", RunningApi::as(host), R"({"muted":true})");
    CHECK(mute.status == 503);
    CHECK_FALSE(mute.header("Retry-After").empty());
    CHECK(client.post(guest + "/kick", RunningApi::as(host)).status == 200);
    CHECK(client.post(path + "/join", RunningApi::as(listener)).status == 403);
    CHECK(client.post(path + "/end", RunningApi::as(host)).status == 200);
    CHECK(database.execute("SELECT count(*) FROM livekit_outbox") == "0");
    CHECK(database.execute("SELECT count(*) FROM audit_logs WHERE action = 'muted'") == "0");
}

TEST_CASE_METHOD(Fixture, "participants who cannot be and streams that have ended are refused") {
    const std::string nobody = "/participants/user-" + std::string(26, 'a');
    for (const std::string& who :
         {nobody, std::string("/participants/x"), std::string("/participants/did:plc:listener")}) {
        CHECK(post(who + "/kick", host).status == 404);
        CHECK(post(who + "/mute", host, R"({"muted":true})").status == 404);
        CHECK(post(who + "/kick", listener).status == 403);
    }
    CHECK(readmit("user-" + std::string(26, 'a')).status == 404);
    REQUIRE(post("/join", host).status == 200);
    CHECK(post("/participants/" + participant() + "/kick", host).status == 409);
    REQUIRE(post("/end", host).status == 200);
    CHECK(lock(true).status == 409);
    CHECK(post(nobody + "/kick", host).status == 409);
    CHECK(post("/token", listener).status == 409);
    const std::string unknown = "/streams/" + uuid_v7().to_string();
    CHECK(api->client()
              .request("PATCH", unknown + "/lock", RunningApi::as(host), R"({"locked":true})")
              .status == 404);
    CHECK(sql("SELECT count(*) FROM livekit_outbox WHERE action = 'delete_room'") == "1");
}

TEST_CASE_METHOD(Fixture, "what already waits to be done in LiveKit is not ordered twice") {
    const auto orders = [&](const std::string& stream) {
        return sql(
            "SELECT count(*) FROM livekit_outbox WHERE action = 'delete_room' AND"
            " stream_session_id = '" +
            stream + "'");
    };
    const auto order_in_an_hour = [&](const std::string& stream, int attempts) {
        sql("INSERT INTO livekit_outbox (stream_session_id, action, room_name, attempts,"
            " next_attempt_at) SELECT id, 'delete_room', room_name, " +
            std::to_string(attempts) +
            ", now() + interval '1 hour' FROM stream_sessions WHERE id = '" + stream + "'");
    };
    order_in_an_hour(id, 0);
    REQUIRE(post("/end", host).status == 200);
    CHECK(orders(id) == "1");
    // One that has been begun may have been done too early.
    const std::string other = create_stream(database, *api, host);
    order_in_an_hour(other, 1);
    REQUIRE(api->client().post("/streams/" + other + "/end", RunningApi::as(host)).status == 200);
    CHECK(orders(other) == "2");
}

TEST_CASE_METHOD(Fixture, "a refused caller cannot grow the chain") {
    REQUIRE(lock(true).status == 200);
    auto client = api->client();
    for (int i = 0; i < 200; ++i) {
        REQUIRE(client.post(path + "/join", RunningApi::as("did:plc:pest")).status == 403);
    }
    CHECK(sql("SELECT count(*) FROM audit_logs WHERE outcome = 'failure'") == "1");
    check_consistent();
}

TEST_CASE_METHOD(Fixture, "lock, kick and end against a crowd: every answer agrees with the end") {
    // The chain is the order in which things happened, so it says what each answer had to be.
    const bool with_lock = GENERATE(true, false);
    CAPTURE(with_lock);
    std::atomic<bool> over{false};
    std::atomic<long> joined{0};
    std::atomic<int> odd{0};
    std::vector<std::thread> crowd;
    for (int i = 0; i < 8; ++i) {
        crowd.emplace_back([&, i] {
            HttpClient client(api->port());
            const Headers me = RunningApi::as("did:plc:l" + std::to_string(i));
            while (!over) {
                const unsigned status = client.post(path + "/join", me).status;
                if (status == 200) {
                    ++joined;
                } else if (status != 403 && status != 409) {
                    ++odd;
                }
                client.post(path + "/leave", me);
            }
        });
    }
    eventually("joins flow", [&] { return joined > 100; });
    eventually("everybody has been in",
               [&] { return sql("SELECT count(*) FROM stream_participants") == "8"; });
    // The host shuts the door and opens it, and throws people out, in the middle of it.
    for (int round = 0; round < 10; ++round) {
        if (with_lock) {
            REQUIRE(lock(true).status == 200);
            REQUIRE(lock(false).status == 200);
        }
        const std::string victim =
            sql("SELECT participant_id FROM stream_participants p WHERE NOT EXISTS (SELECT 1 FROM"
                " stream_bans b WHERE b.participant_id = p.participant_id)"
                " ORDER BY random() LIMIT 1");
        REQUIRE(post("/participants/" + victim + "/kick", host).status == 200);
        if (round % 3 != 0) REQUIRE(readmit(victim).status == 200);
    }
    const Answer ended = post("/end", host);
    over = true;
    for (auto& thread : crowd)
        thread.join();
    // Each kick was one, and so was each readmission.
    CHECK(sql("SELECT string_agg(n, ' ' ORDER BY n) FROM (SELECT action || '=' || count(*) AS n"
              " FROM audit_logs WHERE action IN ('kicked', 'unkicked') AND outcome = 'success'"
              " GROUP BY action) a") == "kicked=10 unkicked=6");
    CHECK(sql("SELECT count(*) FROM stream_bans") == "4");
    CHECK(odd == 0);
    CHECK(ended.status == 200);
    CHECK(sql("SELECT join_count FROM stream_sessions") == std::to_string(joined.load()));
    CHECK(sql("SELECT active_count FROM stream_sessions") == "0");
    CHECK(sql("SELECT count(*) FROM stream_participants WHERE left_at IS NULL") == "0");
    check_consistent();
    // After a `locked` there is no successful join before the `unlocked`, and none after `ended`.
    CHECK(
        sql("WITH a AS (SELECT seq, action, outcome, coalesce((SELECT b.action FROM audit_logs b"
            " WHERE b.seq < a.seq AND b.action IN ('locked', 'unlocked') AND b.outcome = 'success'"
            " ORDER BY b.seq DESC LIMIT 1), 'unlocked') AS door FROM audit_logs a)"
            " SELECT count(*) FROM a WHERE action = 'joined' AND outcome = 'success'"
            " AND door = 'locked'") == "0");
    CHECK(
        sql("SELECT max(seq) = (SELECT seq FROM audit_logs WHERE action = 'ended') FROM audit_logs"
            " WHERE outcome = 'success'") == "t");
    // Nobody who is still banned joined after being kicked for the last time.
    CHECK(sql("SELECT count(*) FROM stream_bans b JOIN stream_participants p USING"
              " (stream_session_id, participant_id) WHERE p.joined_at > b.banned_at") == "0");
}
