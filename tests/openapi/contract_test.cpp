// The judge of answers, on a document small enough to see through.
#include "openapi/contract.hpp"

#include <catch2/catch.hpp>

#include <map>

using namespace subcults::test;

namespace {

constexpr const char* document = R"({
  "openapi": "3.1.0",
  "paths": {
    "/things/{id}": {
      "get": {"responses": {
        "200": {
          "headers": {"X-Request-ID": {"required": true}, "X-Maybe": {}},
          "content": {"application/json": {"schema": {
            "type": "object", "required": ["id"],
            "properties": {
              "id": {"type": "string", "pattern": "^[0-9a-f]{4}$"},
              "of": {"oneOf": [
                {"type": "null"},
                {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
              ]}
            }}}}},
        "404": {}
      }},
      "post": {
        "requestBody": {"content": {"application/json": {"schema": {
          "type": "object", "properties": {"on": {"type": "boolean"}}}}}},
        "responses": {"204": {}, "400": {}}
      },
      "delete": {"responses": {"204": {}}}
    },
    "/things/special": {
      "get": {"responses": {"200": {"content": {"text/plain": {"schema": {"type": "string"}}}}}}
    }
  }
})";

struct Told {
    std::string method = "GET";
    std::string target = "/things/1";
    unsigned status = 200;
    std::string body = R"({"id":"00ff"})";
    std::map<std::string, std::string, std::less<>> headers{
        {"x-request-id", "r"}, {"content-type", "application/json; charset=utf-8"}};
    std::string request;
};

std::string verdict(const Told& told) {
    const auto contract = Contract::parse(document);
    Exchange exchange{told.method, told.target, told.request, told.status, told.body, {}};
    exchange.header = [&told](std::string_view name) {
        const auto found = told.headers.find(name);
        return found == told.headers.end() ? std::string() : found->second;
    };
    return contract->violation(exchange).value_or("kept");
}

std::string verdict_on_body(const std::string& body) {
    Told told;
    told.body = body;
    return verdict(told);
}

// A request that was answered without a body.
std::string verdict_on_request(const std::string& method, const std::string& body,
                               unsigned status = 204) {
    Told told;
    told.method = method;
    told.request = body;
    told.status = status;
    told.body.clear();
    told.headers.clear();
    return verdict(told);
}

bool mentions(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an answer as described keeps the contract") {
    CHECK(verdict(Told()) == "kept");
    CHECK(verdict_on_body(R"({"id":"00ff","of":null})") == "kept");
    CHECK(verdict_on_body(R"({"id":"00ff","of":{"n":1}})") == "kept");
}

TEST_CASE("a status that is not documented breaks the contract") {
    Told told;
    told.status = 418;
    CHECK(verdict(told) == "GET /things/{id} answered 418: not documented");
}

TEST_CASE("a body that is not as described breaks the contract and is named") {
    CHECK(mentions(verdict_on_body("{}"), "'required'"));
    CHECK(mentions(verdict_on_body(R"({"id":7})"), "/id breaks 'type'"));
    CHECK(mentions(verdict_on_body(R"({"id":"00fg"})"), "/id breaks 'pattern'"));
    CHECK(mentions(verdict_on_body(R"({"id":"00ff","of":{"n":0}})"), "'oneOf'"));
    CHECK(mentions(verdict_on_body("{"), "no JSON"));
    CHECK(mentions(verdict_on_body(""), "no JSON"));
}

TEST_CASE("a member that nobody described breaks the contract, at any depth") {
    CHECK(mentions(verdict_on_body(R"({"id":"00ff","extra":1})"), "additionalProperties"));
    CHECK(mentions(verdict_on_body(R"({"id":"00ff","of":{"n":1,"extra":1}})"), "'oneOf'"));
}

TEST_CASE("headers that are always sent are missed, others are not") {
    Told told;
    told.headers.erase("x-request-id");
    CHECK(mentions(verdict(told), "x-request-id is missing"));
}

TEST_CASE("another content type breaks the contract") {
    Told told;
    told.headers["content-type"] = "text/html";
    CHECK(mentions(verdict(told), "content type 'text/html'"));
    told.headers.erase("content-type");
    CHECK(mentions(verdict(told), "content type ''"));
}

TEST_CASE("literal paths win over parameters, and queries are no part of the path") {
    Told told;
    told.target = "/things/special?limit=/1";
    told.body = "anything";
    told.headers = {{"content-type", "text/plain; version=1"}};
    CHECK(verdict(told) == "kept");
}

TEST_CASE("what the document does not speak of is not judged") {
    for (const char* target : {"/other", "/things", "/things/1/more", "/things/", "*", ""}) {
        Told told;
        told.target = target;
        told.status = 599;
        INFO(target);
        CHECK(verdict(told) == "kept");
    }
    Told told;
    told.method = "PUT";
    told.status = 405;
    CHECK(verdict(told) == "kept");
}

TEST_CASE("a HEAD request is judged as the GET it stands for, without a body") {
    Told told;
    told.method = "HEAD";
    told.body.clear();
    CHECK(verdict(told) == "kept");
    told.status = 500;
    CHECK(mentions(verdict(told), "not documented"));
}

TEST_CASE("a body that was taken must be one that the document allows") {
    CHECK(verdict_on_request("POST", R"({"on":true})") == "kept");
    CHECK(verdict_on_request("POST", "") == "kept");
    CHECK(mentions(verdict_on_request("POST", R"({"on":1})"), "it took a body in which /on"));
    CHECK(mentions(verdict_on_request("POST", R"({"off":true})"), "it took a body"));
    CHECK(verdict_on_request("POST", R"({"off":true})", 400) == "kept");
    CHECK(verdict_on_request("DELETE", " { } ") == "kept");
    CHECK(mentions(verdict_on_request("DELETE", R"({"on":true})"), "not documented"));
}

TEST_CASE("a violation is thrown where tests do not put up with it") {
    const auto contract = Contract::parse(document);
    Exchange exchange{"GET", "/things/1", "", 418, "", [](std::string_view) { return ""; }};
    CHECK_THROWS_AS(contract->check(exchange), ContractViolation);
    exchange.target = "/other";
    CHECK_NOTHROW(contract->check(exchange));
}

TEST_CASE("what is no document, and schemas that would not be checked, are refused") {
    CHECK_THROWS_AS(Contract::parse("{"), std::runtime_error);
    CHECK_THROWS_AS(Contract::parse("{}"), std::runtime_error);
    CHECK_THROWS_AS(Contract::load("/nonexistent/document.json"), std::runtime_error);
    for (const char* keyword : {"const", "nullable", "$ref", "exclusiveMinimum", "allOf"}) {
        const std::string text =
            R"({"paths":{"/x":{"get":{"responses":{"200":{"content":{"application/json":{"schema":{")" +
            std::string(keyword) + R"(":1}}}}}}}}})";
        INFO(keyword);
        CHECK_THROWS_WITH(Contract::parse(text), Catch::Contains("is not understood"));
    }
}
