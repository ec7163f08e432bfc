#include "atproto/embedded_lexicons.hpp"
#include "records.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

using namespace subcults::atproto;
using namespace subcults::atproto::test;

namespace {

// Why a lexicon is refused; empty if it is not.
std::string refusal(const std::string& json) {
    try {
        Lexicon::compile(json);
        return {};
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
}

// The same for a record with one property.
std::string property_refusal(const std::string& schema) {
    const std::string where = "test.rules.record: main.record.properties.f ";
    const std::string reason = refusal(lexicon_json(R"("f":)" + schema));
    INFO(reason);
    if (reason.empty()) return {};
    REQUIRE(reason.starts_with(where));
    return reason.substr(where.size());
}

}  // namespace

TEST_CASE("Every lexicon file compiles and is called what its path says") {
    std::set<std::string> ids;
    for (const EmbeddedLexicon& file : embedded_lexicons()) {
        INFO(file.path);
        const Lexicon lexicon = Lexicon::compile(file.json);
        std::string path = lexicon.id();
        std::replace(path.begin(), path.end(), '.', '/');
        CHECK(path + ".json" == file.path);
        CHECK(validator().knows(lexicon.id()));
        ids.insert(lexicon.id());
    }
    const std::set<std::string> expected{
        "tv.subcult.profile",   "tv.subcult.act",         "tv.subcult.place",
        "tv.subcult.venue",     "tv.subcult.scene",       "tv.subcult.event",
        "tv.subcult.tour",      "tv.subcult.appearance",  "tv.subcult.assertion",
        "app.subcult.scene",    "app.subcult.event",      "app.subcult.post",
        "app.subcult.alliance", "app.subcult.membership",
    };
    CHECK(ids == expected);
    CHECK_FALSE(validator().knows("tv.subcult.stream"));
    CHECK_FALSE(validator().knows("tv.subcult"));
    CHECK_FALSE(validator().knows(""));
}

TEST_CASE("A lexicon with a keyword that nobody enforces is refused") {
    CHECK(property_refusal(R"({"type":"string"})").empty());
    CHECK(property_refusal(R"({"type":"string","description":"d"})").empty());
    CHECK(property_refusal(R"({"type":"string","pattern":"a*"})") ==
          "has 'pattern', which is not understood");
    CHECK(property_refusal(R"({"type":"string","const":"a"})") ==
          "has 'const', which is not understood");
    CHECK(property_refusal(R"({"type":"integer","default":1})") ==
          "has 'default', which is not understood");
    CHECK(property_refusal(R"({"type":"integer","maxLength":1})") ==
          "has 'maxLength', which is not understood");
    CHECK(property_refusal(R"({"type":"boolean","minimum":1})") ==
          "has 'minimum', which is not understood");
    CHECK(property_refusal(R"({"type":"unknown","enum":["a"]})") ==
          "has 'enum', which is not understood");
    CHECK(property_refusal(R"({"type":"object","properties":{},"nullable":["a"]})") ==
          "has 'nullable', which is not understood");
    CHECK(property_refusal(R"({"type":"array","items":{"type":"string"},"unique":true})") ==
          "has 'unique', which is not understood");
}

TEST_CASE("A lexicon with a type or format that nobody enforces is refused") {
    for (const char* type :
         {"blob", "bytes", "cid-link", "union", "token", "null", "record", "query", "String", ""}) {
        INFO(type);
        CHECK(property_refusal(R"({"type":")" + std::string(type) + R"("})") ==
              "is of the type '" + std::string(type) + "', which is not understood");
    }
    CHECK(property_refusal(R"({"type":"string","format":"email"})") ==
          "has the format 'email', which is not understood");
    CHECK(property_refusal(R"({})") == "lacks 'type'");
    CHECK(property_refusal(R"("string")") == "is not an object");
}

TEST_CASE("A lexicon with constraints that make no sense is refused") {
    CHECK(property_refusal(R"({"type":"string","minLength":3,"maxLength":2})") ==
          "allows no length");
    CHECK(property_refusal(R"({"type":"string","minGraphemes":3,"maxGraphemes":2})") ==
          "allows no length");
    CHECK(property_refusal(R"({"type":"string","maxLength":-1})") == "has a negative 'maxLength'");
    CHECK(property_refusal(R"({"type":"string","maxLength":"9"})") ==
          "has a 'maxLength' that is no integer");
    CHECK(property_refusal(R"({"type":"string","maxLength":1.5})") ==
          "has a 'maxLength' that is no integer");
    CHECK(property_refusal(R"({"type":"string","enum":[]})") == "has an empty 'enum'");
    CHECK(property_refusal(R"({"type":"string","enum":["a","a"]})") == "has 'a' twice in 'enum'");
    CHECK(property_refusal(R"({"type":"string","enum":["a"],"knownValues":["b"]})") ==
          "has both 'enum' and 'knownValues'");
    CHECK(property_refusal(R"({"type":"string","knownValues":[1]})") ==
          "has a 'knownValues' with an item that is no string");
    CHECK(property_refusal(R"({"type":"string","type":"integer"})") == "has 'type' twice");
    CHECK(property_refusal(R"({"type":"integer","minimum":1,"maximum":0})") == "allows no value");
    CHECK(property_refusal(R"({"type":"array"})") == "lacks 'items'");
    CHECK(property_refusal(
              R"({"type":"array","items":{"type":"string"},"minLength":2,"maxLength":1})") ==
          "allows no length");
    CHECK(property_refusal(R"({"type":"object"})") == "lacks 'properties'");
    CHECK(property_refusal(R"({"type":"object","properties":{},"required":["x"]})") ==
          "requires 'x', which is no property");
    CHECK(property_refusal(R"({"type":"ref","ref":"#other"})") ==
          "refers to '#other', which this file does not define");
    CHECK(property_refusal(R"({"type":"ref","ref":"other"})") ==
          "refers to 'other', which this file does not define");
    CHECK(property_refusal(R"({"type":"ref","ref":"#main"})") ==
          "refers to '#main', which this file does not define");
    CHECK(refusal(lexicon_json(R"("$type":{"type":"string"})")) ==
          "test.rules.record: main.record.properties names a property '$type'");
    std::string many;
    for (int i = 0; i < 65; ++i)
        many.append(R"(,"f)").append(std::to_string(i)).append(R"(":{"type":"boolean"})");
    CHECK(refusal(lexicon_json(many.substr(1))) ==
          "test.rules.record: main.record has too many properties");
}

TEST_CASE("Definitions are used, and do not refer in circles without a value in between") {
    CHECK(refusal(lexicon_json("", "", R"("spare":{"type":"boolean"})")) ==
          "test.rules.record: spare is defined, but nothing refers to it");
    CHECK(refusal(lexicon_json(R"("f":{"type":"ref","ref":"#a"})", "",
                               R"("a":{"type":"ref","ref":"#a"})")) ==
          "test.rules.record: a only refers to another definition");
    CHECK(refusal(lexicon_json(
              "", "", R"("historical":{"type":"object","properties":{"a":{"type":"boolean"}}})")) ==
          "test.rules.record: historical requires nothing that tells it from the record");
    CHECK(refusal(lexicon_json("", "", R"("historical":{"type":"string"})")) ==
          "test.rules.record: historical is not an object");
}

TEST_CASE("A file that is no lexicon of a record is refused") {
    CHECK(refusal("") == "lexicon: is not JSON");
    CHECK(refusal("[]") == "lexicon is not an object");
    CHECK(refusal(R"({"lexicon":2,"id":"a.b.c","defs":{}})") == "lexicon is not of version 1");
    CHECK(refusal(R"({"lexicon":1,"id":"a","defs":{}})") == "lexicon has an id that is no NSID");
    CHECK(refusal(R"({"lexicon":1,"id":"a.b.c"})") == "lexicon lacks 'defs'");
    CHECK(refusal(R"({"lexicon":1,"id":"a.b.c","defs":{}})") == "a.b.c: lacks 'main'");
    CHECK(refusal(R"({"lexicon":1,"id":"a.b.c","defs":{"main":{"type":"query"}}})") ==
          "a.b.c: main is not a record");
    CHECK(refusal(R"({"lexicon":1,"id":"a.b.c","defs":{"main":{"type":"record","key":"nsid",)"
                  R"("record":{"type":"object","properties":{}}}}})") ==
          "a.b.c: main has a key that is not understood");
    CHECK(refusal(R"({"lexicon":1,"id":"a.b.c","defs":{"main":{"type":"record","key":"any",)"
                  R"("record":{"type":"unknown"}}}})") == "a.b.c: main.record is not an object");
    CHECK(refusal(R"({"lexicon":1,"id":"a.b.c","extra":1,"defs":{"main":{"type":"record",)"
                  R"("key":"any","record":{"type":"object","properties":{}}}}})") ==
          "lexicon has 'extra', which is not understood");
}

TEST_CASE("Canonical records have TIDs for keys, the others any key") {
    CHECK(validator().key_fits("tv.subcult.scene", "3jzfcijpj2z2a"));
    CHECK_FALSE(validator().key_fits("tv.subcult.scene", "self"));
    CHECK(validator().key_fits("app.subcult.scene", "self"));
    CHECK_FALSE(validator().key_fits("app.subcult.scene", "a b"));
    CHECK(validator().key_fits("com.example.thing", "self"));
}
