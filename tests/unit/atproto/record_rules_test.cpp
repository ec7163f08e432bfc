#include "records.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace subcults::atproto;
using namespace subcults::atproto::test;

TEST_CASE("Every type accepts its values and refuses all others") {
    const struct {
        const char* type;
        const char* good;
        const char* name;
    } types[] = {{"string", R"("x")", "a string"},
                 {"integer", "7", "an integer"},
                 {"boolean", "true", "a boolean"}};
    const char* const values[] = {R"("x")", "7", "true", "1.5", "1.0", "[]", "{}", R"(["x"])"};
    for (const auto& type : types) {
        const Rules rules(R"("f":{"type":")" + std::string(type.type) + R"("})");
        for (const char* value : values) {
            INFO(type.type << " " << value);
            const std::string expected = "record.f must be " + std::string(type.name);
            CHECK(rules(field(value)) == (std::string_view(value) == type.good ? "" : expected));
        }
    }
    const Rules array(R"("f":{"type":"array","items":{"type":"integer"}})");
    CHECK(array(field("[]")).empty());
    CHECK(array(field("[1,2]")).empty());
    CHECK(array(field("{}")) == "record.f must be an array");
    CHECK(array(field("1")) == "record.f must be an array");
    CHECK(array(field(R"([1,"2",true])")) == "record.f[1] must be an integer");
    CHECK(array(field("[null]")) == "record.f[0] must be an integer");
    CHECK(array(field("[[1]]")) == "record.f[0] must be an integer");
    const Rules object(R"("f":{"type":"object","properties":{"g":{"type":"boolean"}}})");
    CHECK(object(field("{}")).empty());
    CHECK(object(field(R"({"g":false,"h":1})")).empty());
    CHECK(object(field("[]")) == "record.f must be an object");
    CHECK(object(field("\"x\"")) == "record.f must be an object");
    CHECK(object(field(R"({"g":"yes"})")) == "record.f.g must be a boolean");
    const Rules unknown(R"("f":{"type":"unknown"})");
    for (const char* value : values)
        CHECK(unknown(field(value)).empty());
}

TEST_CASE("A required field must be there and not null, an optional one may be null or absent") {
    const Rules rules(
        R"("a":{"type":"string"},"b":{"type":"integer"},)"
        R"("o":{"type":"object","required":["x"],"properties":{"x":{"type":"string"}}})",
        R"("a")");
    CHECK(rules(R"({"a":"x"})").empty());
    CHECK(rules(R"({"a":"x","b":null,"o":null})").empty());
    CHECK(rules(R"({})") == "record.a is required");
    CHECK(rules(R"({"a":null})") == "record.a is required");
    CHECK(rules(R"({"b":1})") == "record.a is required");
    CHECK(rules(R"({"a":"x","o":{}})") == "record.o.x is required");
    CHECK(rules(R"({"a":"x","o":{"x":null}})") == "record.o.x is required");
    // In document order: what is there comes before what is missing.
    CHECK(rules(R"({"b":"no"})") == "record.b must be an integer");
    CHECK(rules(R"({"o":{},"b":"no"})") == "record.o.x is required");
}

TEST_CASE("Fields that the lexicon does not name are left alone") {
    const Rules rules(R"("a":{"type":"string"})");
    CHECK(rules(R"({"b":1.5,"c":[{}],"d":{"a":5},"A":1})").empty());
    CHECK(rules(R"({"b":1,"b":2})").empty());
}

TEST_CASE("A field given twice is refused where the lexicon names it") {
    const Rules rules(
        R"("a":{"type":"string"},"o":{"type":"object","properties":{"x":{"type":"integer"}}})");
    CHECK(rules(R"({"a":"x","a":"x"})") == "record.a is given twice");
    CHECK(rules(R"({"a":"x","\u0061":"y"})") == "record.a is given twice");
    CHECK(rules(R"({"a":null,"a":"x"})") == "record.a is given twice");
    CHECK(rules(R"({"a":"x","a":null})") == "record.a is given twice");
    CHECK(rules(R"({"o":{"x":1,"y":2,"x":1}})") == "record.o.x is given twice");
    CHECK(rules(R"({"$type":"test.rules.record","$type":"test.rules.record"})") ==
          "record.$type is given twice");
}

TEST_CASE("The type that a record gives itself must be its collection") {
    const Rules rules(R"("a":{"type":"string"})");
    CHECK(rules(R"({})").empty());
    CHECK(rules(R"({"$type":"test.rules.record"})").empty());
    CHECK(rules(R"({"$type":"test.rules.other"})") == "record.$type must be test.rules.record");
    CHECK(rules(R"({"$type":""})") == "record.$type must be test.rules.record");
    CHECK(rules(R"({"$type":["test.rules.record"]})") == "record.$type must be a string");
    CHECK(rules(R"({"o":{"$type":"anything"}})").empty());
}

TEST_CASE("Strings are limited in bytes") {
    const Rules rules(R"("f":{"type":"string","minLength":2,"maxLength":4})");
    CHECK(rules(field(R"("ab")")).empty());
    CHECK(rules(field(R"("abcd")")).empty());
    CHECK(rules(field(R"("ää")")).empty());
    CHECK(rules(field(R"("")")) == "record.f must not be empty");
    CHECK(rules(field(R"("a")")) == "record.f must have at least 2 bytes");
    CHECK(rules(field(R"("abcde")")) == "record.f must have at most 4 bytes");
    CHECK(rules(field(R"("ääa")")) == "record.f must have at most 4 bytes");
    // What counts is the text, not how the JSON spells it.
    CHECK(rules(field(R"("\u0061\u0062\u0063\u0064")")).empty());
    const Rules one(R"("f":{"type":"string","maxLength":1})");
    CHECK(one(field(R"("")")).empty());
    CHECK(one(field(R"("ab")")) == "record.f must have at most 1 byte");
}

TEST_CASE("Strings are limited in graphemes, not in code points") {
    const std::string family =
        "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7";
    const std::string umlaut = "u\xcc\x88";
    const Rules rules(R"("f":{"type":"string","minGraphemes":2,"maxGraphemes":3,"maxLength":60})");
    const auto judge = [&rules](const std::string& text) { return rules(field(json_text(text))); };
    CHECK(judge("ab").empty());
    CHECK(judge("abc").empty());
    CHECK(judge(repeated(family, 3)).empty());
    CHECK(judge(repeated(umlaut, 3)).empty());
    CHECK(judge(family + umlaut + "x").empty());
    CHECK(judge("abcd") == "record.f must have at most 3 graphemes");
    CHECK(judge(repeated(umlaut, 4)) == "record.f must have at most 3 graphemes");
    CHECK(judge(family + "abc") == "record.f must have at most 3 graphemes");
    CHECK(judge(repeated(family, 4)) == "record.f must have at most 60 bytes");
    CHECK(judge("") == "record.f must not be empty");
    CHECK(judge("a") == "record.f must have at least 2 graphemes");
    CHECK(judge(family) == "record.f must have at least 2 graphemes");
    // Marks without end make one grapheme; the limit in bytes is what stops them.
    CHECK(judge("ab" + repeated("\xcc\x88", 29)).empty());
    CHECK(judge("ab" + repeated("\xcc\x88", 30)) == "record.f must have at most 60 bytes");
}

TEST_CASE("Integers keep their range, to the last of 64 bits") {
    const Rules rules(R"("f":{"type":"integer","minimum":-5,"maximum":100})");
    CHECK(rules(field("-5")).empty());
    CHECK(rules(field("100")).empty());
    CHECK(rules(field("-6")) == "record.f must be at least -5");
    CHECK(rules(field("101")) == "record.f must be at most 100");
    CHECK(rules(field("18446744073709551615")) == "record.f must be at most 100");
    CHECK(rules(field("1e2")) == "record.f must be an integer");
    CHECK(rules(field("-0.0")) == "record.f must be an integer");
    const Rules open(R"("f":{"type":"integer"})");
    CHECK(open(field("9223372036854775807")).empty());
    CHECK(open(field("-9223372036854775808")).empty());
    CHECK(open(field("9223372036854775808")) == "record.f must be at most 9223372036854775807");
}

TEST_CASE("Arrays keep their length") {
    const Rules rules(
        R"("f":{"type":"array","minLength":1,"maxLength":2,"items":{"type":"integer"}})");
    CHECK(rules(field("[1]")).empty());
    CHECK(rules(field("[1,2]")).empty());
    CHECK(rules(field("[]")) == "record.f must have at least 1 item");
    CHECK(rules(field("[1,2,3]")) == "record.f must have at most 2 items");
    CHECK(rules(field(R"([1,"x",3])")) == "record.f[1] must be an integer");
    CHECK(rules(field(R"([1,2,"x"])")) == "record.f must have at most 2 items");
}

TEST_CASE("A closed list of values is closed, known values are not") {
    const Rules closed(R"("f":{"type":"string","enum":["public","unlisted"]})");
    CHECK(closed(field(R"("public")")).empty());
    CHECK(closed(field(R"("unlisted")")).empty());
    CHECK(closed(field(R"("Public")")) == "record.f must be one of public, unlisted");
    CHECK(closed(field(R"("")")) == "record.f must be one of public, unlisted");
    const Rules open(R"("f":{"type":"string","knownValues":["owner","guest"]})");
    CHECK(open(field(R"("owner")")).empty());
    CHECK(open(field(R"("treasurer")")).empty());
    CHECK(open(field("1")) == "record.f must be a string");
}

TEST_CASE("Formats are enforced with a reason that does not quote the value") {
    const Rules rules(R"("f":{"type":"string","format":"did"},"l":{"type":"array",)"
                      R"("items":{"type":"string","format":"datetime"}})");
    CHECK(rules(field(R"("did:plc:abc")")).empty());
    CHECK(rules(field(R"("secret words")")) == "record.f must be a DID");
    CHECK(rules(R"({"l":["2026-01-29T02:30:00Z","yesterday"]})") ==
          "record.l[1] must be a datetime with a time zone");
}

TEST_CASE("References lead to definitions of the same file, also back to themselves") {
    const Rules rules(R"("root":{"type":"ref","ref":"#node"})", "",
                      R"("node":{"type":"object","required":["n"],"properties":{)"
                      R"("n":{"type":"integer"},"next":{"type":"ref","ref":"#node"}}})");
    CHECK(rules(R"({"root":{"n":1,"next":{"n":2,"next":{"n":3}}}})").empty());
    CHECK(rules(R"({"root":{"n":1,"next":{"n":2,"next":{"n":"3"}}}})") ==
          "record.root.next.next.n must be an integer");
    CHECK(rules(R"({"root":{"n":1,"next":{"next":null}}})") == "record.root.next.n is required");
}

TEST_CASE("Only the first fault in document order is reported") {
    const Rules rules(R"("a":{"type":"integer"},"b":{"type":"integer"},"c":{"type":"integer"})",
                      R"("c")");
    CHECK(rules(R"({"b":"x","a":"y"})") == "record.b must be an integer");
    CHECK(rules(R"({"a":"x","b":"y"})") == "record.a must be an integer");
    CHECK(rules(R"({"a":1,"b":2})") == "record.c is required");
}

TEST_CASE("A record is judged by the historical form when it has what only that one requires") {
    const Rules rules(R"("to":{"type":"integer"},"note":{"type":"string"})", R"("to")",
                      R"("historical":{"type":"object","required":["toId","note"],"properties":{)"
                      R"("toId":{"type":"string"},"note":{"type":"string","maxLength":3}}})");
    CHECK(rules(R"({"to":1,"note":"long note"})").empty());
    CHECK(rules(R"({"toId":"x","note":"abc"})").empty());
    CHECK(rules(R"({"toId":"x","note":"long note"})") == "record.note must have at most 3 bytes");
    CHECK(rules(R"({"toId":5,"note":"abc"})") == "record.toId must be a string");
    CHECK(rules(R"({"to":1,"toId":null})").empty());
    CHECK(rules(R"({"toId":null,"toId":"x","note":"abc"})") == "record.toId is given twice");
    // `note` is no mark: both forms have it.
    CHECK(rules(R"({"note":"abc"})") == "record.to is required");
    CHECK(rules(R"({"$type":"test.rules.other","toId":"x","note":"abc"})") ==
          "record.$type must be test.rules.record");
}
