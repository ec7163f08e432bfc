// Events, posts, alliances and memberships, and what they refer to.
#include "project/projector.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::indexer;

namespace {

constexpr std::string_view scene_a = "at://did:plc:a/app.subcult.scene/s1";
constexpr std::string_view scene_b = "at://did:plc:b/tv.subcult.scene/s2";

Uuid id_of(std::string_view uri) {
    return uuid_v5(uuid_namespace_url, uri);
}

struct Reading {
    explicit Reading(std::string of) : collection(std::move(of)) {}
    Projector projector;
    std::string collection;

    Projection operator()(std::string_view record) {
        return projector.project("did:plc:a", collection, "k", "3mptbypluud2a", record);
    }
    template <class Row>
    Row row(std::string_view record) {
        const Projection made = (*this)(record);
        INFO((made.fault ? made.fault->path + " " + made.fault->reason : ""));
        REQUIRE_FALSE(made.fault);
        return std::get<Row>(made.row);
    }
    std::string refused(std::string_view record) {
        const Projection made = (*this)(record);
        INFO(record);
        REQUIRE(made.fault);
        return made.fault->path;
    }
};

}  // namespace

TEST_CASE("an event belongs to the first of its hosts") {
    Reading read("tv.subcult.event");
    const auto row = read.row<EventRow>(
        R"({"title":"Night","startsAt":"2026-08-01T20:00:00Z","endsAt":"2026-08-02T04:00:00+02:00",
        "place":"at://did:plc:c/tv.subcult.place/p","disclosure":"public","kind":"party",
        "status":"announced","description":"d","createdAt":"2026-07-01T00:00:00Z",
        "hostScenes":["at://did:plc:b/tv.subcult.scene/s2","at://did:plc:a/app.subcult.scene/s1"]})");
    CHECK(row.title == "Night");
    REQUIRE(row.scene);
    CHECK(row.scene->uri == scene_b);
    CHECK(row.scene->id == id_of(scene_b));
    CHECK(row.kind == "party");
    CHECK(row.status == "announced");
    CHECK(row.description == "d");
    CHECK(row.starts_at == parse_rfc3339("2026-08-01T20:00:00Z"));
    CHECK(row.ends_at == parse_rfc3339("2026-08-02T02:00:00Z"));
    CHECK(row.created_at == parse_rfc3339("2026-07-01T00:00:00Z"));
}

TEST_CASE("an event without hosts belongs to no scene") {
    Reading read("tv.subcult.event");
    const auto row = read.row<EventRow>(
        R"({"title":"Night","startsAt":"2026-08-01T20:00:00Z","disclosure":"public",
        "place":"at://did:plc:c/tv.subcult.place/p","createdAt":"2026-07-01T00:00:00Z"})");
    CHECK_FALSE(row.scene);
}

TEST_CASE("a historical event names its scene by a key of its own repository, or by address") {
    Reading read("app.subcult.event");
    const auto by_key =
        read.row<EventRow>(R"({"name":"Night","sceneId":"s1","startsAt":"2026-08-01T20:00:00Z"})");
    CHECK(by_key.title == "Night");
    REQUIRE(by_key.scene);
    CHECK(by_key.scene->uri == scene_a);
    CHECK(by_key.scene->id == id_of(scene_a));
    const auto by_uri = read.row<EventRow>(
        R"({"name":"Night","sceneId":"at://did:plc:b/tv.subcult.scene/s2?x=1#y",
        "startsAt":"2026-08-01T20:00:00Z"})");
    CHECK(by_uri.scene->uri == scene_b);
    CHECK(by_uri.scene->id == id_of(scene_b));
    CHECK(read.refused(R"({"name":"Night","sceneId":"a b","startsAt":"2026-08-01T20:00:00Z"})") ==
          "record.sceneId");
    CHECK(read.refused(R"({"name":"Night","sceneId":"s1"})") == "record.startsAt");
    CHECK(read.refused(R"({"name":"Night","startsAt":"2026-08-01T20:00:00Z"})") ==
          "record.sceneId");
}

TEST_CASE("a reference by handle, or to something else than a scene, is kept as text alone") {
    for (const std::string_view text :
         {"at://scene.example/app.subcult.scene/s1", "at://did:plc:b/app.subcult.post/p"}) {
        const Reference made = reference_from_uri(text, ReferenceTo::scene);
        CHECK(made.uri == text);
        CHECK_FALSE(made.id);
    }
    CHECK(reference_from_uri("at://did:plc:b/app.subcult.event/e", ReferenceTo::event).id);
    CHECK_FALSE(reference_from_key("did:plc:a", "..", ReferenceTo::scene));
    CHECK_FALSE(reference_from_key("did:plc:a", "", ReferenceTo::scene));
}

TEST_CASE("a post is about a scene, an event, or both") {
    Reading read("app.subcult.post");
    const auto row = read.row<PostRow>(
        R"({"text":"hi","sceneId":"s1","eventId":"e1","labels":["spoiler"],
        "attachments":[{"url":"https://example.org/a.png","type":"image/png","width":3}],
        "createdAt":"2026-07-01T00:00:00Z"})");
    CHECK(row.text == "hi");
    CHECK(row.scene->id == id_of(scene_a));
    CHECK(row.event->uri == "at://did:plc:a/app.subcult.event/e1");
    CHECK(row.event->id == id_of("at://did:plc:a/app.subcult.event/e1"));
    CHECK(row.labels == R"(["spoiler"])");
    CHECK(row.attachments ==
          R"([{"url":"https://example.org/a.png","type":"image/png","width":3}])");
    const auto on_event = read.row<PostRow>(R"({"text":"hi","eventId":"e1"})");
    CHECK_FALSE(on_event.scene);
    CHECK(on_event.attachments == "[]");
    CHECK(read.refused(R"({"text":"hi"})") == "record.sceneId");
    CHECK(read.refused(R"({"sceneId":"s1"})") == "record.text");
}

TEST_CASE("an alliance weighs in percent, and the historical form from 0 to 1") {
    Reading read("app.subcult.alliance");
    const auto current = read.row<AllianceRow>(
        R"({"fromScene":"at://did:plc:a/app.subcult.scene/s1",
        "toScene":"at://did:plc:b/tv.subcult.scene/s2","weight":35,"status":"pending",
        "reason":"shared nights","createdAt":"2026-07-01T00:00:00Z"})");
    CHECK(current.from->id == id_of(scene_a));
    CHECK(current.to->id == id_of(scene_b));
    CHECK(current.weight == 35);
    CHECK(current.status == "pending");
    CHECK(current.reason == "shared nights");
    CHECK(current.since == parse_rfc3339("2026-07-01T00:00:00Z"));

    const auto historical = read.row<AllianceRow>(
        R"({"fromSceneId":"s1","toSceneId":"s9","weight":0.555,"since":"2025-01-01T00:00:00Z"})");
    CHECK(historical.from->uri == scene_a);
    CHECK(historical.to->uri == "at://did:plc:a/app.subcult.scene/s9");
    CHECK(historical.weight == 56);
    CHECK(historical.status == "active");
    CHECK(historical.since == parse_rfc3339("2025-01-01T00:00:00Z"));
    CHECK(read.row<AllianceRow>(R"({"fromSceneId":"s1","toSceneId":"s9"})").weight == 100);
    CHECK(read.row<AllianceRow>(R"({"fromSceneId":"s1","toSceneId":"s9","weight":0})").weight == 0);

    CHECK(read.refused(R"({"fromSceneId":"s1","toSceneId":"s9","weight":1.01})") ==
          "record.weight");
    CHECK(read.refused(R"({"fromSceneId":"s1","toSceneId":"s1"})") == "record.toSceneId");
    CHECK(read.refused(R"({"fromScene":"at://did:plc:a/app.subcult.scene/s1",
        "toScene":"at://did:plc:a/app.subcult.scene/s1#x","createdAt":"2026-07-01T00:00:00Z"})") ==
          "record.toScene");
}

TEST_CASE("a membership has defaults for all that its record may leave out") {
    Reading read("app.subcult.membership");
    const auto row = read.row<MembershipRow>(
        R"({"scene":"at://did:plc:a/app.subcult.scene/s1","member":"did:plc:m",
        "createdAt":"2026-07-01T00:00:00Z"})");
    CHECK(row.scene->id == id_of(scene_a));
    CHECK(row.member_did == "did:plc:m");
    CHECK(row.role == "member");
    CHECK(row.status == "pending");
    CHECK(row.weight == 50);
    CHECK(row.since == parse_rfc3339("2026-07-01T00:00:00Z"));
    CHECK(read.refused(R"({"scene":"at://did:plc:a/app.subcult.scene/s1","member":"nobody",
        "createdAt":"2026-07-01T00:00:00Z"})") == "record.member");
    CHECK(read.refused(R"({"scene":"at://did:plc:a/app.subcult.scene/s1","member":"did:plc:m",
        "weight":101,"createdAt":"2026-07-01T00:00:00Z"})") == "record.weight");
}

TEST_CASE("each collection with a table has a tombstone, the others have no row") {
    for (const auto& [collection, index] :
         std::vector<std::pair<std::string_view, std::size_t>>{{"tv.subcult.scene", 1},
                                                               {"app.subcult.scene", 1},
                                                               {"tv.subcult.event", 2},
                                                               {"app.subcult.event", 2},
                                                               {"app.subcult.post", 3},
                                                               {"app.subcult.alliance", 4},
                                                               {"app.subcult.membership", 5},
                                                               {"tv.subcult.act", 0},
                                                               {"app.bsky.feed.post", 0}}) {
        INFO(collection);
        CHECK(Projector::tombstone("did:plc:a", collection, "k", "3mptbypluud2a").index() == index);
    }
}
