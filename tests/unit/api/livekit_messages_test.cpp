#include "livekit/messages.hpp"

#include "support/catch_result.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::api::livekit;

namespace {

const std::string room_part = R"("room":{"sid":"RM_1","name":"scene-1","turnPassword":"hush"})";

std::string event(const std::string& name, const std::string& rest) {
    return R"({"event":")" + name + R"(","id":"EV_1","createdAt":"1700000000",)" + rest + "}";
}

}  // namespace

TEST_CASE("both dialects of LiveKit's JSON mean the same") {
    const auto snake = read_participants(
        R"({"participants":[{"sid":"PA_1","identity":"user-a","state":"ACTIVE","metadata":"",
            "joined_at":"1700000001","joined_at_ms":"1700000001234","kind":"STANDARD",
            "permission":{"hidden":false,"can_publish_sources":[]},"attributes":{},"x":{"y":[1]},
            "tracks":[{"sid":"TR_1","type":"AUDIO","source":"MICROPHONE","muted":false,
                       "version":null}]}]})");
    const auto camel = read_participants(
        R"({"participants":[{"sid":"PA_1","identity":"user-a","state":2,"joinedAt":1700000001,
            "joinedAtMs":1700000001234,"permission":null,
            "tracks":[{"sid":"TR_1","type":0,"source":2}]}]})");
    for (const auto& read : {snake, camel}) {
        REQUIRE(read.has_value());
        REQUIRE(read->size() == 1);
        const Participant& who = read->front();
        CHECK(who.sid == "PA_1");
        CHECK(who.identity == "user-a");
        CHECK(who.active);
        CHECK(who.listener);
        CHECK(who.joined_at.value == 1'700'000'001'234'000);
        REQUIRE(who.tracks.size() == 1);
        CHECK(who.tracks[0].sid == "TR_1");
        CHECK(who.tracks[0].type == "audio");
        CHECK(who.tracks[0].source == "microphone");
        CHECK_FALSE(who.tracks[0].muted);
    }
}

TEST_CASE("absent, null and unknown values have a sane reading") {
    const auto rooms = read_rooms(R"({"rooms":null})");
    REQUIRE(rooms.has_value());
    CHECK(rooms->empty());
    CHECK(read_rooms("{}")->empty());
    const auto one = read_rooms(R"({"rooms":[{"name":"r","num_participants":3}]})");
    CHECK(one->front().participants == 3);
    const auto odd = read_participant(
        R"({"sid":"PA_1","identity":"i","state":"TELEPORTING","kind":"CONNECTOR","joined_at":"x"})");
    REQUIRE(odd.has_value());
    CHECK_FALSE(odd->active);
    CHECK_FALSE(odd->listener);
    CHECK(odd->joined_at.value == 0);
    // Servers before milliseconds were added.
    CHECK(read_participant(R"({"sid":"p","identity":"i","joined_at":"17"})")->joined_at.value ==
          17'000'000);
}

TEST_CASE("recorders, agents and hidden participants are no listeners") {
    for (const char* what : {R"("kind":"EGRESS")", R"("kind":2)", R"("kind":"AGENT")",
                             R"("permission":{"hidden":true})"}) {
        const auto read =
            read_participant(R"({"sid":"p","identity":"i",)" + std::string(what) + "}");
        REQUIRE(read.has_value());
        CHECK_FALSE(read->listener);
    }
}

TEST_CASE("of a participant's attributes only the one about audio is kept, if it is short") {
    const auto quality = [](const std::string& attributes) {
        const auto read = read_participant(R"({"sid":"PA_1","identity":"user-a","attributes":)" +
                                           attributes + "}");
        REQUIRE(read.has_value());
        return read->quality;
    };
    CHECK(quality(R"({"name":"x","aq":"{\"seq\":1}"})") == R"({"seq":1})");
    CHECK(quality("{}").empty());
    CHECK(quality("null").empty());
    CHECK(quality("[]").empty());
    CHECK(quality(R"({"aq":5})").empty());
    CHECK(quality(R"({"aq":")" + std::string(1025, 'x') + R"("})").empty());
}

TEST_CASE("what cannot be LiveKit's answer is an error, not a crash") {
    const std::string deep(100'000, '[');
    for (const std::string& text :
         {std::string(), std::string("null"), std::string("[]"), std::string(R"({"rooms":{}})"),
          std::string(R"({"rooms":[1]})"), std::string(R"({"rooms":[{"name":"a\u0000b"}]})"),
          std::string("{\"rooms\":[{\"name\":\"\xff\"}]}"), std::string(R"({"rooms":[)"),
          R"({"rooms":)" + deep, R"({"rooms":[{"name":")" + std::string(300, 'n') + R"("}]})"}) {
        CHECK_FALSE(read_rooms(text).has_value());
    }
    CHECK_FALSE(
        read_participants(R"({"participants":[{"tracks":[{"sid":"a\u0000"}]}]})").has_value());
}

TEST_CASE("errors of RoomService are told from what proxies say") {
    CHECK(read_twirp_error(R"({"code":"not_found","msg":"x","meta":{"a":"b"}})")->code ==
          "not_found");
    CHECK_FALSE(read_twirp_error("invalid token"));
    CHECK_FALSE(read_twirp_error(R"({"code":17})"));
    CHECK_FALSE(read_twirp_error(R"({"code":"NOT A CODE"})"));
    CHECK_FALSE(read_twirp_error("<html>"));
}

TEST_CASE("a webhook is read for what is needed of it") {
    const auto read = read_webhook(
        event("participant_joined",
              room_part + R"(,"participant":{"sid":"PA_1","identity":"user-a","state":"ACTIVE",
                       "joinedAt":"1700000000","joinedAtMs":"1700000000123"})"));
    REQUIRE(read.has_value());
    CHECK(read->kind == EventKind::participant_joined);
    CHECK(read->id == "EV_1");
    CHECK(read->created_at.value == 1'700'000'000'000'000);
    CHECK(read->room_name == "scene-1");
    CHECK(read->participant->joined_at.value == 1'700'000'000'123'000);
    CHECK(read->useful());
}

TEST_CASE("only a person's microphone counts as the first track") {
    const std::string who = R"(,"participant":{"sid":"PA_1","identity":"user-a"})";
    const auto track = [&](const std::string& json) {
        return read_webhook(event("track_published", room_part + who + R"(,"track":)" + json));
    };
    CHECK(track(R"({"sid":"TR_1","source":"MICROPHONE"})")->useful());
    CHECK_FALSE(track(R"({"sid":"TR_1","type":"VIDEO","source":"CAMERA"})")->useful());
    CHECK_FALSE(track(R"({"sid":"TR_1","source":"SCREEN_SHARE_AUDIO"})")->useful());
    CHECK_FALSE(track(R"({"sid":"TR_1"})")->useful());
    CHECK_FALSE(read_webhook(event("track_published", room_part + who)).has_value());
}

TEST_CASE("events of no use are recognised without looking into them") {
    for (const char* name : {"egress_started", "ingress_ended", "something_new", ""}) {
        const auto read = read_webhook(R"({"event":")" + std::string(name) + R"("})");
        REQUIRE(read.has_value());
        CHECK(read->kind == EventKind::other);
        CHECK_FALSE(read->useful());
    }
    CHECK_FALSE(read_webhook(R"({"event":"track_unpublished"})")->useful());
    const auto agent = read_webhook(
        event("participant_left",
              room_part + R"(,"participant":{"sid":"P","identity":"agent","kind":"AGENT"})"));
    REQUIRE(agent.has_value());
    CHECK_FALSE(agent->useful());
}

TEST_CASE("a webhook that lacks what its event needs is refused") {
    const std::string who = R"("participant":{"sid":"PA_1","identity":"user-a"})";
    for (const std::string& text :
         {std::string("{}"), std::string(R"({"event":7})"),
          std::string(R"({"event":"room_started"})"),
          R"({"event":"room_started","createdAt":"1700000000",)" + room_part + "}",
          R"({"event":"room_started","id":"EV_1",)" + room_part + "}",
          event("room_started", R"("room":null)"), event("room_started", R"("room":{"sid":"R"})"),
          event("room_started", R"("room":[])"), event("participant_joined", room_part),
          event("participant_joined", who),
          event("participant_left", room_part + R"(,"participant":{"sid":"PA_1"})"),
          event("participant_left", room_part + R"(,"participant":{"identity":"user-a"})")}) {
        INFO(text);
        CHECK_FALSE(read_webhook(text).has_value());
    }
}
