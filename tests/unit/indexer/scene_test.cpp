#include "project/geohash.hpp"
#include "project/projector.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::indexer;

namespace {

Projection project(Projector& projector, std::string_view record,
                   std::string_view collection = "app.subcult.scene") {
    return projector.project("did:plc:a", collection, "r1", "3mptbypluud2a", record);
}

SceneRow scene(const Projection& projection) {
    INFO((projection.fault ? projection.fault->path + " " + projection.fault->reason : ""));
    REQUIRE_FALSE(projection.fault);
    return std::get<SceneRow>(projection.row);
}

}  // namespace

TEST_CASE("a scene's id is the UUIDv5 of its at-uri in the URL namespace") {
    Projector projector;
    const SceneRow row = scene(project(projector, R"({"name":"Basement"})"));
    CHECK(row.uri == "at://did:plc:a/app.subcult.scene/r1");
    CHECK(row.id == uuid_v5(uuid_namespace_url, "at://did:plc:a/app.subcult.scene/r1"));
    CHECK(row.author_did == "did:plc:a");
    CHECK(row.rev == "3mptbypluud2a");
    CHECK(row.visibility == "public");
    CHECK_FALSE(row.deleted);
}

TEST_CASE("a scene's fields are read") {
    Projector projector;
    const SceneRow row = scene(project(projector, R"({"$type":"tv.subcult.scene","name":"Keller",
        "description":"caf\u00e9","tags":["dub","noise"],"visibility":"unlisted",
        "coarseGeohash":"u33d","createdAt":"2026-07-04T14:38:08.999Z","other":{"x":[1]}})",
                                       "tv.subcult.scene"));
    CHECK(row.name == "Keller");
    CHECK(row.description == "caf\xc3\xa9");
    CHECK(row.tags == std::vector<std::string>{"dub", "noise"});
    CHECK(row.visibility == "unlisted");
    CHECK(row.coarse_geohash == "u33d");
    CHECK(row.created_at == parse_rfc3339("2026-07-04T14:38:08.999Z"));
}

TEST_CASE("a scene that cannot be shown becomes a tombstone of its revision, with the path") {
    struct Case {
        std::string record;
        std::string path;
    };
    const std::vector<Case> cases{
        {R"({})", "record.name"},
        {R"({"name":" \n"})", "record.name"},
        {R"({"name":5})", "record.name"},
        {R"({"name":"x","description":[]})", "record.description"},
        {R"({"name":"x","tags":"dub"})", "record.tags"},
        {R"({"name":"x","visibility":"secret"})", "record.visibility"},
        {R"({"name":"x","createdAt":"yesterday"})", "record.createdAt"},
        {R"({"name":"x","location":{"lat":95,"lng":0}})", "record.location"},
        {R"({"name":"x","location":{"lat":"52","lng":13}})", "record.location"},
        {"{\"name\":\"" + std::string(2001, 'x') + "\"}", "record.name"},
    };
    Projector projector;
    for (const Case& c : cases) {
        INFO(c.record.substr(0, 60));
        const Projection made = project(projector, c.record);
        REQUIRE(made.fault);
        CHECK(made.fault->path.starts_with(c.path));
        CHECK_FALSE(made.private_data);
        const SceneRow& row = std::get<SceneRow>(made.row);
        CHECK(row.deleted);
        CHECK(row.name.empty());
        CHECK(row.rev == "3mptbypluud2a");
    }
}

TEST_CASE("of a historical scene's location only a coarse cell is kept, whatever it allows") {
    Projector projector;
    for (const char* allow : {"true", "false"}) {
        const std::string record =
            std::string(R"({"name":"x","location":{"lat":52.52,"lng":13.405,"allowPrecise":)") +
            allow + "}}";
        CHECK(scene(project(projector, record)).coarse_geohash == "u33dc");
    }
    CHECK_FALSE(scene(project(projector, R"({"name":"x"})")).coarse_geohash);
    CHECK_FALSE(scene(project(projector, R"({"name":"x","location":{}})")).coarse_geohash);
    CHECK(scene(project(projector, R"({"name":"x","location":{"lat":0,"lng":-180}})"))
              .coarse_geohash == "80000");
}

TEST_CASE("geohashes are those that everybody computes") {
    CHECK(coarse_geohash(57.64911, 10.40744) == "u4pru");
    CHECK(coarse_geohash(-25.382708, -49.265506) == "6gkzw");
    CHECK(coarse_geohash(37.8324, 112.5584) == "ww8p1");
    CHECK(coarse_geohash(90, 180) == "zzzzz");
    CHECK(coarse_geohash(-90, -180) == "00000");
}
