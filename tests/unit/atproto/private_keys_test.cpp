#include "atproto/private_keys.hpp"
#include "records.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace subcults::atproto;
using namespace subcults::atproto::test;

TEST_CASE("A private name is recognised in every spelling") {
    for (const char* key : {"precisePoint",
                            "precise_point",
                            "preciseLocation",
                            "exact_address",
                            "exactAddress",
                            "EXACT-ADDRESS",
                            "exactLocation",
                            "addressCiphertext",
                            "address_ciphertext",
                            "encryptedAddress",
                            "encrypted_address",
                            "streetAddress",
                            "street_address",
                            "homeAddress",
                            "contactEmail",
                            "contact_email",
                            "contactPhone",
                            "contact_phone",
                            "email",
                            "Email",
                            "E_MAIL",
                            "phone",
                            "phoneNumber",
                            "phone_number",
                            "lat",
                            "LAT",
                            "_lat",
                            "lng",
                            "lon",
                            "latitude",
                            "longitude",
                            "Longitude",
                            "coordinates",
                            "geoPoint",
                            "geo_point",
                            "-p-h-o-n-e-",
                            "precise__location"}) {
        INFO(key);
        CHECK(is_private_key(key));
    }
}

TEST_CASE("A name that only resembles a private one is not one") {
    for (const char* key :
         {"", "_", "-", "publicAddress", "address", "latency", "flat", "lats", "emailed",
          "telephone pole", "location", "coarseGeohash", "geohash", "phone number",
          "preciseLocations", "contact", "la t", "\xc3\xa9mail"}) {
        INFO(key);
        CHECK_FALSE(is_private_key(key));
    }
    CHECK_FALSE(is_private_key(std::string(100'000, '_')));
    CHECK_FALSE(is_private_key("lat" + std::string(100'000, 'a')));
    CHECK(is_private_key("lat" + std::string(100'000, '_')));
}

TEST_CASE("A private key is found at any depth, in arrays and in fields that nobody declared") {
    const Rules rules(
        R"("name":{"type":"string"},"free":{"type":"unknown"},)"
        R"("list":{"type":"array","items":{"type":"object","properties":{"a":{"type":"string"}}}})");
    CHECK(rules(R"({"name":"x","email":"a@b"})") == "private: record.email must not be public");
    CHECK(rules(R"({"extra":{"more":[1,[{"exact_address":1}]]}})") ==
          "private: record.extra.more[1][0].exact_address must not be public");
    CHECK(rules(R"({"free":{"geoPoint":[1,2]}})") ==
          "private: record.free.geoPoint must not be public");
    CHECK(rules(R"({"list":[{"a":"b"},{"a":"c","phone":"1"}]})") ==
          "private: record.list[1].phone must not be public");
    CHECK(rules(R"({"name":{"lat":1}})") == "private: record.name.lat must not be public");
    CHECK(rules(R"({"lat":null})") == "private: record.lat must not be public");
}

TEST_CASE("A private key is allowed at the place where a lexicon declares it, and nowhere else") {
    const Rules rules(R"("place":{"type":"ref","ref":"#spot"},"email":{"type":"boolean"})", "",
                      R"("spot":{"type":"object","properties":{"lat":{"type":"unknown"}}})");
    CHECK(rules(R"({"place":{"lat":52.5},"email":true})").empty());
    CHECK(rules(R"({"lat":52.5})") == "private: record.lat must not be public");
    CHECK(rules(R"({"place":{"LAT":52.5}})") == "private: record.place.LAT must not be public");
    CHECK(rules(R"({"place":{"lat":{"lat":52.5}}})") ==
          "private: record.place.lat.lat must not be public");
    CHECK(rules(R"({"place":{"inner":{"lat":52.5}}})") ==
          "private: record.place.inner.lat must not be public");
    CHECK(rules(R"({"place":[{"lat":52.5}]})") ==
          "private: record.place[0].lat must not be public");
}

TEST_CASE("Private data is reported before faults that come earlier") {
    const Rules rules(R"("name":{"type":"string"},"many":{"type":"array","maxLength":1,)"
                      R"("items":{"type":"integer"}})",
                      R"("name")");
    CHECK(rules(R"({"name":5,"name":6,"many":[1,2,"x"],"z":[{"lng":1}]})") ==
          "private: record.z[0].lng must not be public");
    CHECK(rules(R"({"many":[1,{"lng":2}]})") == "private: record.many[1].lng must not be public");
}

TEST_CASE("A path shows no key that could be somebody's words, and stays short") {
    const Rules rules(R"("name":{"type":"string"})");
    CHECK(rules(R"({"call me at +49 30 1":{"lat":1}})") ==
          "private: record.?.lat must not be public");
    CHECK(rules(R"({"49301234567":{"lat":1}})") == "private: record.?.lat must not be public");
    CHECK(rules(R"({"":{"lat":1}})") == "private: record.?.lat must not be public");
    CHECK(rules(R"({"a\u0000\n":{"lat":1}})") == "private: record.?.lat must not be public");
    CHECK(rules(R"({"_ok-$1":{"lat":1}})") == "private: record._ok-$1.lat must not be public");
    CHECK(rules(R"({")" + std::string(65, 'a') + R"(":{"lat":1}})") ==
          "private: record.?.lat must not be public");

    const std::string long_key(64, 'k');
    const std::string deep =
        repeated("{\"" + long_key + "\":", 50) + "{\"lat\":1}" + repeated("}", 50);
    Json parsed;
    const auto result = walk_record(nullptr, parsed.object(deep));
    REQUIRE(result.has_error());
    CHECK(result.error().path.size() <= 512);
    CHECK(result.error().path.starts_with("record.kkk"));
    CHECK(result.error().path.find("...") != std::string::npos);
    CHECK(result.error().path.ends_with("kkk.lat"));
}

TEST_CASE("What is nested too deep to be searched counts as private") {
    const auto nested = [](std::size_t levels) {
        return repeated(R"({"a":)", levels) + "1" + repeated("}", levels);
    };
    Json parsed;
    CHECK(words(walk_record(nullptr, parsed.object(nested(max_record_depth)))).empty());
    const auto result = walk_record(nullptr, parsed.object(nested(max_record_depth + 2)));
    REQUIRE(result.has_error());
    CHECK(result.error().kind == RecordFault::Kind::private_data);
    CHECK(result.error().reason == "is nested too deep to be searched");
}
