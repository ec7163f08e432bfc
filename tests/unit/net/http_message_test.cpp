#include "net/http_message.hpp"

#include <catch2/catch.hpp>

using namespace subcults::net;

TEST_CASE("an error answer is the envelope of code, message and request id") {
    const Response response = error_response(404, "not_found", "no such stream", "req-1");
    CHECK(response.status == 404);
    CHECK(response.content_type == "application/json; charset=utf-8");
    CHECK(response.body ==
          R"({"error":{"code":"not_found","message":"no such stream","request_id":"req-1"}})");
    CHECK_FALSE(response.close);
}

TEST_CASE("text in an error answer is escaped") {
    const Response response = error_response(400, "bad\"code", "line\nbreak \\ \x01", "a\"b");
    CHECK(
        response.body ==
        R"({"error":{"code":"bad\"code","message":"line\nbreak \\ \u0001","request_id":"a\"b"}})");
}

TEST_CASE("a retry answer says when to come back") {
    const Response response = retry_response(429, "rate_limited", "slow down", "r", 17);
    CHECK(response.status == 429);
    REQUIRE(response.headers.size() == 1);
    CHECK(response.headers[0].first == "Retry-After");
    CHECK(response.headers[0].second == "17");
}

TEST_CASE("methods print as on the wire") {
    CHECK(to_string(Method::get) == "GET");
    CHECK(to_string(Method::del) == "DELETE");
    CHECK(to_string(Method::options) == "OPTIONS");
    CHECK(to_string(Method::other) == "OTHER");
}
