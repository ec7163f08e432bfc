#include "livekit/inbox.hpp"
#include "livekit/livekit_config.hpp"
#include "livekit/outbox.hpp"
#include "livekit/reconcile_rules.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::api;
using namespace subcults::api::livekit;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t second = 1'000'000;
constexpr UnixMicros noon{1'700'000'000 * second};

UnixMicros at(std::int64_t seconds) {
    return UnixMicros{noon.value + seconds * second};
}

CallResult<void> failed(CallError::Kind kind) {
    CallError error;
    error.kind = kind;
    return error;
}

CallResult<void> refused(unsigned status, const std::string& code) {
    return judge_refusal(status, "{\"code\":\"" + code + "\",\"msg\":\"no\"}");
}

OutboxAction action(std::int64_t attempts = 1, const std::string& what = "delete_room") {
    OutboxAction made;
    made.action = what;
    made.attempts = attempts;
    made.created_at = noon;
    return made;
}

InboxItem item(EventKind kind) {
    InboxItem made;
    made.id = "EV_1";
    made.kind = kind;
    made.room_name = "scene-1";
    made.room_sid = "RM_1";
    made.participant_id = "user-a";
    made.participant_sid = "PA_1";
    made.created_at = noon;
    made.received_at = UnixMicros{noon.value + 250'000};
    made.session = uuid_v7();
    made.known_participant = true;
    return made;
}

Participant listed(const std::string& identity, const std::string& sid, UnixMicros since = noon) {
    Participant made;
    made.identity = identity;
    made.sid = sid;
    made.active = true;
    made.joined_at = since;
    return made;
}

KnownConnection known(const std::string& identity, const std::string& sid, bool present = true) {
    KnownConnection made;
    made.participant_id = identity;
    made.sid = sid;
    made.since = noon;
    made.present = present;
    return made;
}

struct Rounds {
    ReconcileRules rules;
    std::vector<Command> next(const RoomSnapshot& room, UnixMicros now) {
        rules.begin_round();
        auto commands = rules.repairs(room, now);
        rules.end_round();
        return commands;
    }
};

}  // namespace

TEST_CASE("what LiveKit did, or had nothing to do for, is done") {
    CHECK(judge_outbox(action(), CallResult<void>(), noon).kind == OutboxVerdict::Kind::done);
    CHECK(judge_outbox(action(), failed(CallError::Kind::not_found), noon).kind ==
          OutboxVerdict::Kind::done);
}

TEST_CASE("actions are tried again with growing pauses, for a day") {
    for (const auto kind : {CallError::Kind::unavailable, CallError::Kind::timeout,
                            CallError::Kind::connection, CallError::Kind::unauthenticated,
                            CallError::Kind::unreadable, CallError::Kind::refused}) {
        const auto first = judge_outbox(action(1), failed(kind), noon);
        CHECK(first.kind == OutboxVerdict::Kind::again);
        CHECK(first.after == 1s);
        CHECK(judge_outbox(action(4), failed(kind), noon).after == 8s);
        CHECK(judge_outbox(action(500), failed(kind), noon).after == 60s);
        CHECK(judge_outbox(action(9), failed(kind), at(86'401)).kind ==
              OutboxVerdict::Kind::given_up);
    }
    // Not sent: nothing was learned, so nothing is waited for.
    CHECK(judge_outbox(action(9), failed(CallError::Kind::circuit_open), noon).after == 1s);
}

TEST_CASE("an action is given up at once only where LiveKit itself will never do it") {
    using Kind = OutboxVerdict::Kind;
    const auto verdict = [](const std::string& what, const CallResult<void>& result) {
        return judge_outbox(action(1, what), result, noon).kind;
    };
    CHECK(verdict("unmute", refused(412, "failed_precondition")) == Kind::given_up);
    CHECK(verdict("mute", refused(412, "failed_precondition")) == Kind::again);
    CHECK(verdict("remove_participant", refused(400, "invalid_argument")) == Kind::given_up);
    CHECK(verdict("remove_participant", refused(404, "not_found")) == Kind::done);
    // Whoever was kicked does not stay because a proxy was being reloaded.
    for (const auto& [status, body] :
         {std::pair{404U, "404 page not found"}, std::pair{404U, R"({"code":"bad_route"})"},
          std::pair{501U, "<html>"}, std::pair{405U, ""}, std::pair{412U, ""}}) {
        INFO(status << " " << body);
        CHECK(verdict("remove_participant", judge_refusal(status, body)) == Kind::again);
    }
}

TEST_CASE("refusals are told apart by code, and by status where there is no code") {
    using Kind = CallError::Kind;
    const auto kind = [](unsigned status, std::string_view body) {
        return judge_refusal(status, body).kind;
    };
    CHECK(kind(404, R"({"code":"not_found","msg":"no"})") == Kind::not_found);
    CHECK(kind(404, R"({"code":"bad_route","msg":"no"})") == Kind::refused);
    CHECK(kind(404, "404 page not found") == Kind::unavailable);
    CHECK(kind(401, R"({"code":"unauthenticated","msg":"permissions denied"})") ==
          Kind::unauthenticated);
    CHECK(kind(401, "invalid token") == Kind::unauthenticated);
    CHECK(kind(412, R"({"code":"failed_precondition","msg":"no"})") == Kind::refused);
    CHECK(kind(408, R"({"code":"deadline_exceeded","msg":"no"})") == Kind::timeout);
    CHECK(kind(503, R"({"code":"unavailable","msg":"no"})") == Kind::unavailable);
    CHECK(kind(502, "<html>") == Kind::unavailable);
    CHECK(kind(504, "") == Kind::timeout);
    CHECK(kind(429, "") == Kind::unavailable);
    CHECK(kind(501, "") == Kind::refused);
    CHECK(kind(301, "") == Kind::unreadable);
}

TEST_CASE("an event's time is its arrival, within the second that LiveKit names") {
    CHECK(happened_at(noon, UnixMicros{noon.value + 250'000}).value == noon.value + 250'000);
    CHECK(happened_at(noon, at(-3)) == noon);
    CHECK(happened_at(noon, at(30)).value == noon.value + second - 1);
}

TEST_CASE("events become the ledger's commands") {
    const InboxItem joined = item(EventKind::participant_joined);
    const auto command = command_for(joined);
    REQUIRE(command);
    CHECK(command->kind == CommandKind::presence);
    CHECK(command->session == *joined.session);
    CHECK(command->participant_id == "user-a");
    CHECK(command->presence->kind == Presence::Kind::joined);
    CHECK(command->presence->sid == "PA_1");
    CHECK(command->presence->at.value == noon.value + 250'000);
    CHECK(command_for(item(EventKind::participant_left))->presence->kind == Presence::Kind::left);
    CHECK(command_for(item(EventKind::participant_connection_aborted))->presence->kind ==
          Presence::Kind::aborted);
    CHECK(command_for(item(EventKind::track_published))->kind == CommandKind::first_track);

    InboxItem agent = item(EventKind::track_published);
    agent.known_participant = false;
    CHECK_FALSE(command_for(agent));
    InboxItem foreign = item(EventKind::participant_joined);
    foreign.session.reset();
    CHECK_FALSE(command_for(foreign));
    CHECK_FALSE(command_for(item(EventKind::room_finished)));
}

TEST_CASE("of a room's coming and going the last word counts") {
    InboxItem finished = item(EventKind::room_finished);
    InboxItem started = item(EventKind::room_started);
    CHECK(fates_of({started, finished}).at("scene-1").finished_at);
    CHECK_FALSE(fates_of({finished, started}).at("scene-1").finished_at);
    CHECK_FALSE(
        fates_of({finished, item(EventKind::participant_joined)}).at("scene-1").finished_at);
    CHECK(fates_of({finished, item(EventKind::participant_left)}).at("scene-1").finished_at);
    finished.session.reset();
    CHECK(fates_of({finished}).empty());
}

TEST_CASE("an event waits for a ledger that is away, but not for ever on an error") {
    CHECK(settled(Outcome::Status::applied, 0));
    CHECK(settled(Outcome::Status::ended, 0));
    CHECK(settled(Outcome::Status::unknown_participant, 0));
    CHECK_FALSE(settled(Outcome::Status::unavailable, 1000));
    CHECK_FALSE(settled(Outcome::Status::outcome_unknown, 1000));
    CHECK_FALSE(settled(Outcome::Status::failed, 3));
    CHECK(settled(Outcome::Status::failed, 10));
}

TEST_CASE("somebody in the list whom no webhook announced is let in after some seconds") {
    Rounds rounds;
    RoomSnapshot room;
    room.listed = {listed("user-a", "PA_1")};
    CHECK(rounds.next(room, at(4)).empty());
    const auto commands = rounds.next(room, at(6));
    REQUIRE(commands.size() == 1);
    CHECK(commands[0].presence->kind == Presence::Kind::joined);
    CHECK(commands[0].presence->sid == "PA_1");
    CHECK(commands[0].presence->joined_at == noon);
    room.known = {known("user-a", "PA_1")};
    CHECK(rounds.next(room, at(20)).empty());
}

TEST_CASE("somebody who left by request while still connected is not brought back") {
    Rounds rounds;
    RoomSnapshot room;
    room.listed = {listed("user-a", "PA_1")};
    room.known = {known("user-a", "PA_1", false)};
    CHECK(rounds.next(room, at(60)).empty());
}

TEST_CASE("who is missing from the list twice in a row has left") {
    Rounds rounds;
    RoomSnapshot room;
    room.known = {known("user-a", "PA_1")};
    CHECK(rounds.next(room, at(20)).empty());
    const auto commands = rounds.next(room, at(40));
    REQUIRE(commands.size() == 1);
    CHECK(commands[0].presence->kind == Presence::Kind::left);
    CHECK(commands[0].presence->sid == "PA_1");
    CHECK(commands[0].presence->at == at(40));

    SECTION("missing, seen, missing is no twice") {
        Rounds other;
        RoomSnapshot seen = room;
        seen.listed = {listed("user-a", "PA_1")};
        CHECK(other.next(room, at(20)).empty());
        CHECK(other.next(seen, at(40)).empty());
        CHECK(other.next(room, at(60)).empty());
    }
    SECTION("a newer connection does not hide that the older one is over") {
        Rounds other;
        RoomSnapshot back = room;
        back.listed = {listed("user-a", "PA_2", at(30))};
        const auto first = other.next(back, at(40));
        REQUIRE(first.size() == 1);
        CHECK(first[0].presence->sid == "PA_2");
    }
}

TEST_CASE("whoever is banned and listed is reported until LiveKit has been told to remove them") {
    Rounds rounds;
    RoomSnapshot room;
    room.exists = true;
    room.listed = {listed("user-a", "PA_1")};
    room.known = {known("user-a", "PA_1", false)};
    room.known[0].banned = true;
    for (int round = 1; round <= 2; ++round) {
        const auto commands = rounds.next(room, at(20 * round));
        REQUIRE(commands.size() == 1);
        CHECK(commands[0].presence->kind == Presence::Kind::joined);
        CHECK(commands[0].presence->sid == "PA_1");
    }
    room.known[0].removal_ordered = true;
    CHECK(rounds.next(room, at(60)).empty());
    // Back with an old token, so under another sid.
    room.listed = {listed("user-a", "PA_2")};
    CHECK(rounds.next(room, at(80)).empty());
    room.known[0].removal_ordered = false;
    CHECK(rounds.next(room, at(100)).size() == 1);
}

TEST_CASE("whoever joined and is in no list for a minute has left, where there is a room") {
    Rounds rounds;
    RoomSnapshot room;
    room.known = {known("user-a", "")};
    CHECK(rounds.next(room, at(70)).empty());
    CHECK(rounds.next(room, at(90)).empty());  // nobody has been there: nothing is known

    room.exists = true;
    CHECK(rounds.next(room, at(30)).empty());
    CHECK(rounds.next(room, at(59)).empty());
    CHECK(rounds.next(room, at(61)).empty());
    const auto commands = rounds.next(room, at(81));
    REQUIRE(commands.size() == 1);
    CHECK(commands[0].participant_id == "user-a");
    CHECK(commands[0].presence->kind == Presence::Kind::left);
    CHECK(commands[0].presence->sid.empty());
    // Not now: a join of the last minute is not to be undone by this.
    CHECK(commands[0].presence->at == at(21));

    Participant connecting = listed("user-a", "PA_1");
    connecting.active = false;
    room.listed = {connecting};
    CHECK(rounds.next(room, at(101)).empty());
    room.listed.clear();
    CHECK(rounds.next(room, at(121)).empty());  // missing once again
}

TEST_CASE("agents, hidden ones and those still connecting are not counted in") {
    Rounds rounds;
    RoomSnapshot room;
    Participant agent = listed("agent-1", "PA_1");
    agent.listener = false;
    Participant pending = listed("user-b", "PA_2");
    pending.active = false;
    room.listed = {agent, pending, listed("", "PA_3"), listed("user-c", ""),
                   listed("user-d", "PA_4", UnixMicros{})};
    CHECK(rounds.next(room, at(60)).empty());
}

TEST_CASE("LiveKit's variables come together or not at all") {
    LiveKitConfig config;
    CHECK(livekit_mistake(config).empty());
    config.url = "wss://livekit.example.org";
    CHECK_FALSE(livekit_mistake(config).empty());
    config.api_key = "key";
    CHECK_FALSE(livekit_mistake(config).empty());
    config.api_secret = Secret("secret");
    CHECK(livekit_mistake(config).empty());
}

TEST_CASE("clients get a websocket address, however it was configured") {
    const auto url = [](const char* text) { return client_url(net::WsUrl::parse(text).value()); };
    CHECK(url("https://lk.example.org") == "wss://lk.example.org");
    CHECK(url("wss://lk.example.org/") == "wss://lk.example.org");
    CHECK(url("http://127.0.0.1:7880/prefix") == "ws://127.0.0.1:7880/prefix");
}
