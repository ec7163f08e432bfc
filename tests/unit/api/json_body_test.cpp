#include "http/json_body.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::api;

TEST_CASE("an empty body and an empty object have no fields") {
    for (const char* text : {"", " \r\n\t", "{}", " { } "}) {
        const auto body = JsonBody::parse(text, {"a"});
        REQUIRE(body.has_value());
        CHECK_FALSE(body->has("a"));
        CHECK_FALSE((*body->string("a")).has_value());
    }
}

TEST_CASE("known string fields are read, escapes included") {
    const auto body = JsonBody::parse(R"({"a":"x\u00e9\n","b":""})", {"a", "b"});
    REQUIRE(body.has_value());
    CHECK((*body->string("a")).value() == "x\xc3\xa9\n");
    CHECK((*body->string("b")).value().empty());
}

TEST_CASE("what is not one flat object of known fields is refused") {
    struct Case {
        std::string text;
        std::string code;
        std::string mentions;
    };
    const std::string deep(200'000, '[');
    const std::vector<Case> cases{
        {"{", "bad_request", "JSON"},
        {"nonsense", "bad_request", "JSON"},
        {"{} {}", "bad_request", "JSON"},
        {"{\"a\":\"x\",}", "bad_request", "JSON"},
        {"{\"a\":\"\xff\"}", "bad_request", "JSON"},
        {"{\"a\":\"\\ud800\"}", "bad_request", "JSON"},
        {std::string("{}\0{\"b\":1}", 10), "bad_request", "NUL"},
        {std::string("{\"a\":\"x\0\"}", 10), "bad_request", "NUL"},
        {"[]", "validation_error", "object"},
        {"\"text\"", "validation_error", "object"},
        {"null", "validation_error", "object"},
        {deep, "validation_error", "object"},
        {"{\"a\":" + deep, "validation_error", "'a'"},
        {R"({"a":{"b":1}})", "validation_error", "'a'"},
        {R"({"a":[1]})", "validation_error", "'a'"},
        {R"({"b":"x"})", "validation_error", "'b'"},
        {R"({"a":"x","a":"y"})", "validation_error", "twice"},
    };
    for (const Case& c : cases) {
        INFO(c.text.substr(0, 60));
        const auto body = JsonBody::parse(c.text, {"a"});
        REQUIRE_FALSE(body.has_value());
        CHECK(body.error().code == c.code);
        CHECK(body.error().message.find(c.mentions) != std::string::npos);
    }
}

TEST_CASE("a long name is shown in part, but never in part of a character") {
    std::string name = "a";
    for (int i = 0; i < 40; ++i)
        name += "\xc3\xa9";
    const auto body = JsonBody::parse("{\"" + name + "\":1}", {"a"});
    REQUIRE_FALSE(body.has_value());
    CHECK(body.error().message.find("'" + name.substr(0, 63) + "'") != std::string::npos);
}

TEST_CASE("a field of another type is refused when it is asked for") {
    for (const char* text : {R"({"a":1})", R"({"a":null})", R"({"a":true})", R"({"a":1.5})"}) {
        const auto body = JsonBody::parse(text, {"a"});
        REQUIRE(body.has_value());
        CHECK_FALSE(body->string("a").has_value());
    }
}
