#include "project/scene.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::indexer;

namespace {

auto project(SceneProjector& projector, std::string_view record) {
    return projector.project("did:plc:a", "tv.subcult.scene", "r1", "3mptbypluud2a", record);
}

}  // namespace

TEST_CASE("a scene's id is the UUIDv5 of its at-uri in the URL namespace") {
    SceneProjector projector;
    const auto scene = project(projector, R"({"name":"Basement"})");
    REQUIRE(scene.has_value());
    CHECK(scene->uri == "at://did:plc:a/tv.subcult.scene/r1");
    CHECK(scene->id == uuid_v5(uuid_namespace_url, "at://did:plc:a/tv.subcult.scene/r1"));
    CHECK(scene->owner_did == "did:plc:a");
    CHECK(scene->visibility == "public");
}

TEST_CASE("the fields of both namespaces are read") {
    SceneProjector projector;
    const auto scene = project(projector, R"({"$type":"tv.subcult.scene","name":"Keller",
        "description":"caf\u00e9","tags":["dub","noise"],"visibility":"unlisted",
        "coarseGeohash":"u33d","createdAt":"2026-07-04T14:38:08.999Z","other":{"x":[1]}})");
    REQUIRE(scene.has_value());
    CHECK(scene->name == "Keller");
    CHECK(scene->description == "caf\xc3\xa9");
    CHECK(scene->tags == std::vector<std::string>{"dub", "noise"});
    CHECK(scene->visibility == "unlisted");
    CHECK(scene->coarse_geohash == "u33d");
    CHECK(scene->created_at == parse_rfc3339("2026-07-04T14:38:08.999Z"));
}

TEST_CASE("what cannot be shown is refused with the path to it") {
    struct Case {
        std::string record;
        std::string path;
    };
    const std::vector<Case> cases{
        {R"({})", "record.name"},
        {R"({"name":""})", "record.name"},
        {R"({"name":" \n"})", "record.name"},
        {R"({"name":5})", "record.name"},
        {R"({"name":"x","description":[]})", "record.description"},
        {R"({"name":"x","tags":"dub"})", "record.tags"},
        {R"({"name":"x","tags":[1]})", "record.tags"},
        {R"({"name":"x","visibility":"secret"})", "record.visibility"},
        {R"({"name":"x","coarseGeohash":"u33dc0cpe"})", "record.coarseGeohash"},
        {R"({"name":"x","createdAt":"yesterday"})", "record.createdAt"},
        {"{\"name\":\"" + std::string(2001, 'x') + "\"}", "record.name"},
    };
    SceneProjector projector;
    for (const Case& c : cases) {
        INFO(c.record.substr(0, 60));
        const auto scene = project(projector, c.record);
        REQUIRE_FALSE(scene.has_value());
        CHECK(scene.error().path == c.path);
    }
}
