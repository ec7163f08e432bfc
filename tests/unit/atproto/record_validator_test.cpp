#include "records.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <string>
#include <vector>

using namespace subcults::atproto;
using namespace subcults::atproto::test;

namespace {

const std::string did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const std::string uri = "at://" + did + "/tv.subcult.scene/3jzfcijpj2z2a";
const std::string uri_json = json_text(uri);
const std::string time_json = R"("2026-01-29T02:30:00.123Z")";

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string record(const Fields& fields) {
    std::string json;
    for (const auto& [name, value] : fields) {
        json.append(json.empty() ? "{" : ",").append(json_text(name)).append(":").append(value);
    }
    return json.empty() ? "{}" : json + "}";
}

Fields with(Fields fields, const std::string& name, const std::string& value) {
    for (auto& field : fields) {
        if (field.first != name) continue;
        field.second = value;
        return fields;
    }
    fields.emplace_back(name, value);
    return fields;
}

Fields without(Fields fields, const std::string& name) {
    std::erase_if(fields, [&name](const auto& field) { return field.first == name; });
    return fields;
}

// Just what each collection requires.
const std::map<std::string, Fields>& minimal() {
    static const std::map<std::string, Fields> all{
        {"tv.subcult.profile",
         {{"name", R"("Anna")"}, {"kind", R"("artist")"}, {"createdAt", time_json}}},
        {"tv.subcult.act", {{"name", R"("Anna")"}, {"createdAt", time_json}}},
        {"tv.subcult.place",
         {{"name", R"("Köln")"},
          {"country", R"("DE")"},
          {"timezone", R"("Europe/Berlin")"},
          {"coarseGeohash", R"("u1h")"},
          {"createdAt", time_json}}},
        {"tv.subcult.venue",
         {{"name", R"("Keller")"},
          {"place", uri_json},
          {"disclosure", R"("coarse")"},
          {"createdAt", time_json}}},
        {"tv.subcult.scene",
         {{"name", R"("Nacht")"}, {"coarseGeohash", R"("u1hcvkxu")"}, {"createdAt", time_json}}},
        {"tv.subcult.event",
         {{"title", R"("Nacht 3")"},
          {"startsAt", time_json},
          {"place", uri_json},
          {"disclosure", R"("protected")"},
          {"createdAt", time_json}}},
        {"tv.subcult.tour",
         {{"title", R"("Nord")"},
          {"primaryAct", uri_json},
          {"status", R"("draft")"},
          {"createdAt", time_json}}},
        {"tv.subcult.appearance",
         {{"event", uri_json},
          {"act", uri_json},
          {"role", R"("dj")"},
          {"status", R"("announced")"},
          {"createdAt", time_json}}},
        {"tv.subcult.assertion",
         {{"target", uri_json},
          {"sourceUrl", R"("https://listings.example/1")"},
          {"assertedAt", time_json},
          {"observedAt", time_json},
          {"status", R"("active")"},
          {"createdAt", time_json}}},
        {"app.subcult.scene", {{"name", R"("Nacht")"}}},
        {"app.subcult.event",
         {{"name", R"("Nacht 3")"}, {"sceneId", R"("nacht")"}, {"startsAt", time_json}}},
        {"app.subcult.post", {{"text", R"("Hi")"}}},
        {"app.subcult.alliance",
         {{"fromScene", uri_json}, {"toScene", uri_json}, {"createdAt", time_json}}},
        {"app.subcult.membership",
         {{"scene", uri_json}, {"member", json_text(did)}, {"createdAt", time_json}}},
    };
    return all;
}

// And with everything that it may have.
const std::map<std::string, Fields>& optional_fields() {
    static const std::map<std::string, Fields> all{
        {"tv.subcult.profile", {{"description", R"("About")"}, {"updatedAt", time_json}}},
        {"tv.subcult.act",
         {{"profile", uri_json},
          {"homeTerritory", uri_json},
          {"affiliatedScenes", "[" + uri_json + "]"},
          {"updatedAt", time_json}}},
        {"tv.subcult.place", {{"region", R"("NRW")"}, {"updatedAt", time_json}}},
        {"tv.subcult.venue", {{"publicAddress", R"("Hof 3")"}, {"updatedAt", time_json}}},
        {"tv.subcult.scene",
         {{"description", R"("About")"},
          {"tags", R"(["noise","drone"])"},
          {"visibility", R"("unlisted")"},
          {"updatedAt", time_json}}},
        {"tv.subcult.event",
         {{"description", R"("About")"},
          {"endsAt", time_json},
          {"venue", uri_json},
          {"hostScenes", "[" + uri_json + "]"},
          {"kind", R"("party")"},
          {"status", R"("postponed")"},
          {"coarseGeohash", R"("u1hc")"},
          {"updatedAt", time_json}}},
        {"tv.subcult.tour",
         {{"canonicalUrl", R"("https://tour.example/")"}, {"updatedAt", time_json}}},
        {"tv.subcult.appearance",
         {{"tour", uri_json},
          {"billingContext", R"("tour_stop")"},
          {"setStartsAt", time_json},
          {"updatedAt", time_json}}},
        {"tv.subcult.assertion",
         {{"provider", R"("Listings")"},
          {"effectiveAt", time_json},
          {"supersedes", uri_json},
          {"confidence", "100"}}},
        {"app.subcult.scene",
         {{"description", R"("About")"},
          {"location", R"({"lat":52.5,"lng":13,"allowPrecise":false})"},
          {"tags", R"(["noise"])"},
          {"visibility", R"("private")"},
          {"palette", R"({"primary":"#fff","secondary":"#000","accent":"red",)"
                      R"("background":"#111","text":"#eee"})"},
          {"createdAt", time_json}}},
        {"app.subcult.event",
         {{"description", R"("About")"},
          {"endsAt", time_json},
          {"location", R"({"lat":52.5,"lng":13.4})"},
          {"tags", R"(["noise"])"},
          {"status", R"("live")"},
          {"createdAt", time_json}}},
        {"app.subcult.post",
         {{"sceneId", R"("nacht")"},
          {"eventId", uri_json},
          {"attachments", R"([{"url":"https://a.example/1","key":"k","type":"audio/ogg",)"
                          R"("sizeBytes":12,"width":0,"height":0,"durationSeconds":1.5}])"},
          {"labels", R"(["spoiler"])"},
          {"createdAt", time_json}}},
        {"app.subcult.alliance",
         {{"weight", "0"},
          {"status", R"("active")"},
          {"reason", R"("Friends")"},
          {"since", time_json},
          {"updatedAt", time_json}}},
        {"app.subcult.membership",
         {{"role", R"("curator")"},
          {"status", R"("active")"},
          {"weight", "100"},
          {"since", time_json},
          {"updatedAt", time_json}}},
    };
    return all;
}

std::string changed(const std::string& collection, const std::string& name,
                    const std::string& value) {
    return verdict(collection, record(with(minimal().at(collection), name, value)));
}

// A text field that may have so many graphemes and ten times as many bytes.
void check_text(const std::string& collection, const std::string& name, std::size_t graphemes) {
    INFO(collection << " " << name);
    const std::string path = "record." + name;
    const auto judge = [&](const std::string& text) {
        return changed(collection, name, json_text(text));
    };
    CHECK(judge(std::string(graphemes, 'x')).empty());
    CHECK(judge(std::string(graphemes + 1, 'x')) ==
          path + " must have at most " + std::to_string(graphemes) + " graphemes");
    // Nine bytes each: a letter with four marks.
    const std::string marked = "x" + repeated("\xcc\x88", 4);
    CHECK(judge(repeated(marked, graphemes)).empty());
    CHECK(judge(repeated(marked, graphemes) + "x") ==
          path + " must have at most " + std::to_string(graphemes) + " graphemes");
    CHECK(judge("x" + repeated("\xcc\x88", graphemes * 5)) ==
          path + " must have at most " + std::to_string(graphemes * 10) + " bytes");
}

}  // namespace

TEST_CASE("Every collection accepts a record with just what it requires, and one with everything") {
    CHECK(minimal().size() == 14);
    for (const auto& [collection, fields] : minimal()) {
        INFO(collection);
        CHECK(verdict(collection, record(fields)) == "");
        Fields full = with(fields, "$type", json_text(collection));
        for (const auto& [name, value] : optional_fields().at(collection))
            full = with(std::move(full), name, value);
        CHECK(verdict(collection, record(full)) == "");
        CHECK(verdict(collection, record(with(full, "$type", R"("tv.subcult.other")"))) ==
              "record.$type must be " + collection);
    }
}

TEST_CASE("Every collection insists on each field that it requires") {
    for (const auto& [collection, fields] : minimal()) {
        for (const auto& [name, value] : fields) {
            INFO(collection << " " << name);
            const std::string expected = "record." + name + " is required";
            CHECK(verdict(collection, record(without(fields, name))) == expected);
            CHECK(verdict(collection, record(with(fields, name, "null"))) == expected);
            CHECK(verdict(collection, record(with(fields, name, "{}")))
                      .starts_with("record." + name + " must be"));
        }
    }
}

TEST_CASE("Every optional field may be null and must not be of another type") {
    for (const auto& [collection, fields] : optional_fields()) {
        for (const auto& [name, value] : fields) {
            INFO(collection << " " << name);
            CHECK(changed(collection, name, "null").empty());
            CHECK(changed(collection, name, "true").starts_with("record." + name + " must be"));
        }
    }
}

TEST_CASE("Texts for people are limited in graphemes, with ten bytes for each") {
    for (const char* collection :
         {"tv.subcult.profile", "tv.subcult.act", "tv.subcult.place", "tv.subcult.venue",
          "tv.subcult.scene", "app.subcult.scene", "app.subcult.event"}) {
        check_text(collection, "name", 200);
        CHECK(changed(collection, "name", R"("")") == "record.name must not be empty");
    }
    check_text("tv.subcult.profile", "description", 3'000);
    check_text("tv.subcult.place", "region", 200);
    check_text("tv.subcult.venue", "publicAddress", 500);
    check_text("tv.subcult.scene", "description", 3'000);
    check_text("tv.subcult.event", "title", 300);
    check_text("tv.subcult.event", "description", 5'000);
    check_text("tv.subcult.tour", "title", 300);
    check_text("tv.subcult.assertion", "provider", 200);
    check_text("app.subcult.scene", "description", 3'000);
    check_text("app.subcult.event", "description", 5'000);
    check_text("app.subcult.post", "text", 3'000);
    check_text("app.subcult.alliance", "reason", 256);
}

TEST_CASE("Codes and keys are limited in bytes") {
    CHECK(changed("tv.subcult.place", "country", R"("D")") ==
          "record.country must have at least 2 bytes");
    CHECK(changed("tv.subcult.place", "country", R"("DEU")") ==
          "record.country must have at most 2 bytes");
    CHECK(changed("tv.subcult.place", "timezone", json_text(std::string(100, 'z'))).empty());
    CHECK(changed("tv.subcult.place", "timezone", json_text(std::string(101, 'z'))) ==
          "record.timezone must have at most 100 bytes");
    for (const char* collection : {"tv.subcult.place", "tv.subcult.scene", "tv.subcult.event"}) {
        CHECK(changed(collection, "coarseGeohash", R"("u1h")").empty());
        CHECK(changed(collection, "coarseGeohash", R"("u1")") ==
              "record.coarseGeohash must have at least 3 bytes");
        CHECK(changed(collection, "coarseGeohash", R"("u1hcvkxu1")") ==
              "record.coarseGeohash must have at most 8 bytes");
    }
    for (const auto& [collection, name] :
         {std::pair("tv.subcult.tour", "canonicalUrl"), {"tv.subcult.assertion", "sourceUrl"}}) {
        const std::string url = "https://a.example/";
        CHECK(changed(collection, name, json_text(url + std::string(2'000 - url.size(), 'x')))
                  .empty());
        CHECK(changed(collection, name, json_text(url + std::string(2'001 - url.size(), 'x'))) ==
              "record." + std::string(name) + " must have at most 2000 bytes");
        CHECK(changed(collection, name, R"("a.example")") ==
              "record." + std::string(name) + " must be a URI");
    }
    CHECK(changed("app.subcult.event", "sceneId", json_text(std::string(512, 'k'))).empty());
    CHECK(changed("app.subcult.event", "sceneId", uri_json).empty());
    CHECK(changed("app.subcult.event", "sceneId", json_text(std::string(513, 'k'))) ==
          "record.sceneId must have at most 512 bytes");
}

TEST_CASE("Lists hold at most fifty items") {
    const auto list = [](const std::string& item, std::size_t count) {
        const std::string more = repeated("," + item, count - 1);
        return "[" + item + more + "]";
    };
    for (const auto& [collection, name, item] :
         {std::tuple("tv.subcult.act", "affiliatedScenes", uri_json),
          {"tv.subcult.scene", "tags", R"("t")"},
          {"tv.subcult.event", "hostScenes", uri_json},
          {"app.subcult.scene", "tags", R"("t")"},
          {"app.subcult.post", "labels", R"("t")"},
          {"app.subcult.post", "attachments", "{}"}}) {
        INFO(collection << " " << name);
        CHECK(changed(collection, name, list(item, 50)).empty());
        CHECK(changed(collection, name, list(item, 51)) ==
              "record." + std::string(name) + " must have at most 50 items");
    }
    CHECK(changed("tv.subcult.scene", "tags", "[\"a\"," + json_text(std::string(101, 'x')) + "]") ==
          "record.tags[1] must have at most 100 graphemes");
    CHECK(changed("tv.subcult.event", "hostScenes", R"(["at://did:plc:abc"])") ==
          "record.hostScenes[0] must be the at-uri of a record");
}

TEST_CASE("Lists of values are closed or open as their meaning wants it") {
    for (const auto& [collection, name] : {std::pair("tv.subcult.venue", "disclosure"),
                                           {"tv.subcult.scene", "visibility"},
                                           {"tv.subcult.event", "disclosure"},
                                           {"tv.subcult.event", "kind"},
                                           {"tv.subcult.event", "status"},
                                           {"tv.subcult.tour", "status"},
                                           {"tv.subcult.appearance", "role"},
                                           {"tv.subcult.appearance", "status"},
                                           {"tv.subcult.appearance", "billingContext"},
                                           {"tv.subcult.assertion", "status"},
                                           {"app.subcult.scene", "visibility"}}) {
        INFO(collection << " " << name);
        CHECK(changed(collection, name, R"("novel")")
                  .starts_with("record." + std::string(name) + " must be one of "));
    }
    CHECK(changed("tv.subcult.scene", "visibility", R"("private")") ==
          "record.visibility must be one of public, unlisted");
    for (const auto& [collection, name] : {std::pair("tv.subcult.profile", "kind"),
                                           {"app.subcult.event", "status"},
                                           {"app.subcult.alliance", "status"},
                                           {"app.subcult.membership", "role"},
                                           {"app.subcult.membership", "status"}}) {
        INFO(collection << " " << name);
        CHECK(changed(collection, name, R"("novel")").empty());
    }
}

TEST_CASE("Weights and confidence are whole numbers of percent") {
    for (const auto& [collection, name] : {std::pair("app.subcult.alliance", "weight"),
                                           {"app.subcult.membership", "weight"},
                                           {"tv.subcult.assertion", "confidence"}}) {
        const std::string path = "record." + std::string(name);
        CHECK(changed(collection, name, "0").empty());
        CHECK(changed(collection, name, "100").empty());
        CHECK(changed(collection, name, "101") == path + " must be at most 100");
        CHECK(changed(collection, name, "-1") == path + " must be at least 0");
        CHECK(changed(collection, name, "0.5") == path + " must be an integer");
    }
}

TEST_CASE("The historical alliance is judged by its own form") {
    const std::string collection = "app.subcult.alliance";
    const Fields old{{"fromSceneId", R"("nacht")"}, {"toSceneId", R"("tag")"}};
    CHECK(verdict(collection, record(old)) == "");
    CHECK(verdict(collection, record(with(old, "weight", "0.25"))) == "");
    CHECK(verdict(collection, record(with(old, "since", R"("2024")"))) ==
          "record.since must be a datetime with a time zone");
    CHECK(verdict(collection, record(without(old, "toSceneId"))) == "record.toSceneId is required");
    CHECK(verdict(collection, record(without(old, "fromSceneId"))) ==
          "record.fromSceneId is required");
    CHECK(verdict(collection, record(with(old, "toSceneId", R"("")"))) ==
          "record.toSceneId must not be empty");
    // A current record is not excused from its own rules by a null of the older form.
    const Fields current = with(minimal().at(collection), "weight", "0.25");
    CHECK(verdict(collection, record(current)) == "record.weight must be an integer");
    CHECK(verdict(collection, record(with(current, "fromSceneId", "null"))) ==
          "record.weight must be an integer");
}

TEST_CASE("Coordinates are allowed in the location of historical records and nowhere else") {
    CHECK(changed("app.subcult.scene", "location", R"({"lat":1.5,"lng":2.5})").empty());
    CHECK(changed("app.subcult.scene", "lat", "1.5") == "private: record.lat must not be public");
    CHECK(changed("app.subcult.scene", "location", R"({"latitude":1.5})") ==
          "private: record.location.latitude must not be public");
    CHECK(changed("app.subcult.scene", "location", R"({"lat":1.5,"exactAddress":"x"})") ==
          "private: record.location.exactAddress must not be public");
    CHECK(changed("tv.subcult.scene", "location", R"({"lat":1.5})") ==
          "private: record.location.lat must not be public");
    CHECK(changed("tv.subcult.venue", "exact_address", R"("x")") ==
          "private: record.exact_address must not be public");
    CHECK(changed("app.subcult.post", "attachments", R"([{"url":"u"},{"geo_point":1}])") ==
          "private: record.attachments[1].geo_point must not be public");
}

TEST_CASE("Other collections of our namespaces are searched for private keys only") {
    CHECK(verdict("tv.subcult.stream", R"({"$type":"x","createdAt":5})").empty());
    CHECK(verdict("tv.subcult.stream", R"({"a":[{"contact_phone":1}]})") ==
          "private: record.a[0].contact_phone must not be public");
    CHECK(verdict("app.subcult.deep.er", R"({"email":1})") ==
          "private: record.email must not be public");
    CHECK(verdict("com.example.thing", R"({"email":1})").empty());
    CHECK(verdict("tv.subcults.thing", R"({"email":1})").empty());
}

TEST_CASE("A fault says nothing of what the record says") {
    const std::string secret = "Hinterhof 3, second bell";
    for (const auto& [collection, fields] : minimal()) {
        for (const auto& [name, value] : fields) {
            for (const std::string& bad :
                 {json_text(repeated(secret, 2'000)), "[" + json_text(secret) + "]",
                  R"({"email":)" + json_text(secret) + "}"}) {
                const std::string fault = verdict(collection, record(with(fields, name, bad)));
                INFO(collection << " " << name);
                CHECK_FALSE(fault.empty());
                CHECK(fault.find("Hinterhof") == std::string::npos);
                CHECK(fault.size() < 300);
            }
        }
    }
}
