#include "http/cors.hpp"
#include "http/security_headers.hpp"

#include "fake_request.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::api;
using test::FakeRequest;

namespace {

FakeRequest from(const std::string& origin) {
    FakeRequest request;
    request.headers.emplace_back("Origin", origin);
    return request;
}

FakeRequest preflight_from(const std::string& origin) {
    FakeRequest request = from(origin);
    request.asked_method = net::Method::options;
    request.headers.emplace_back("Access-Control-Request-Method", "POST");
    return request;
}

const std::string app = "https://app.subcult.tv";

}  // namespace

TEST_CASE("an allowed origin is named, with the headers that its scripts may read") {
    const Cors cors({app, "http://localhost:5173"});
    FakeRequest request = from(app);
    CHECK_FALSE(cors.handle(request).has_value());
    CHECK(request.answer_header("Access-Control-Allow-Origin") == app);
    const std::string exposed = request.answer_header("Access-Control-Expose-Headers");
    for (const char* name :
         {"X-Request-ID", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
          "Retry-After", "X-Next-Cursor", "Location", "Date"}) {
        CHECK(exposed.find(name) != std::string::npos);
    }
    CHECK(request.answer_header("Access-Control-Allow-Credentials") == "(none)");
    CHECK(request.answer_header("Access-Control-Allow-Methods") == "(none)");
}

TEST_CASE("a preflight of an allowed origin is answered with what it may do") {
    const Cors cors({app});
    FakeRequest request = preflight_from(app);
    const auto answer = cors.handle(request);
    REQUIRE(answer.has_value());
    CHECK(answer->status == 204);
    CHECK(request.answer_header("Access-Control-Allow-Origin") == app);
    CHECK(request.answer_header("Access-Control-Max-Age") == "600");
    for (const char* method : {"GET", "POST", "PATCH", "DELETE"}) {
        CHECK(request.answer_header("Access-Control-Allow-Methods").find(method) !=
              std::string::npos);
    }
    for (const char* name :
         {"Authorization", "Content-Type", "Idempotency-Key", "traceparent", "tracestate"}) {
        CHECK(request.answer_header("Access-Control-Allow-Headers").find(name) !=
              std::string::npos);
    }
}

TEST_CASE("foreign origins get no such headers, and nothing is refused for them") {
    const Cors cors({app});
    for (const char* origin :
         {"https://evil.example", "https://app.subcult.tv.evil.example", "http://app.subcult.tv",
          "https://app.subcult.tv:8443", "https://app.subcult.tv/", "HTTPS://APP.SUBCULT.TV",
          "null", "*", ""}) {
        INFO(origin);
        FakeRequest simple = from(origin);
        CHECK_FALSE(cors.handle(simple).has_value());
        CHECK(simple.answer_headers.empty());
        FakeRequest preflight = preflight_from(origin);
        const auto answer = cors.handle(preflight);
        REQUIRE(answer.has_value());
        CHECK(answer->status == 204);
        CHECK(preflight.answer_headers.empty());
    }
    FakeRequest doubled = from(app);
    doubled.headers.emplace_back("Origin", "https://evil.example");
    cors.handle(doubled);
    CHECK(doubled.answer_headers.empty());
}

TEST_CASE("OPTIONS that is no preflight is an ordinary request") {
    const Cors cors({app});
    FakeRequest request = from(app);
    request.asked_method = net::Method::options;
    CHECK_FALSE(cors.handle(request).has_value());
    FakeRequest anonymous;
    anonymous.asked_method = net::Method::options;
    anonymous.headers.emplace_back("Access-Control-Request-Method", "POST");
    CHECK_FALSE(cors.handle(anonymous).has_value());
}

TEST_CASE("without a list there are neither headers nor preflights") {
    const Cors cors({});
    CHECK_FALSE(cors.enabled());
    FakeRequest request = preflight_from(app);
    CHECK_FALSE(cors.handle(request).has_value());
    CHECK(request.answer_headers.empty());
}

TEST_CASE("only origins as browsers spell them can be configured") {
    for (const char* origin : {"https://app.subcult.tv", "http://localhost:5173",
                               "http://127.0.0.1:3000", "http://[::1]:3000", "https://a.b:444"}) {
        INFO(origin);
        CHECK(check_origin(origin).empty());
    }
    for (const char* origin :
         {"*", "null", "app.subcult.tv", "https://", "https://app.subcult.tv/", "https://*.tv",
          "https://App.subcult.tv", "ftp://a.b", "https://a.b:443", "http://a.b:80",
          "https://a.b/path", "https://user@a.b", "https://a b", "https://a.b:", "//a.b"}) {
        INFO(origin);
        CHECK_FALSE(check_origin(origin).empty());
    }
}

TEST_CASE("security headers are complete lines, and TLS is only insisted on when asked to") {
    const std::string plain = security_header_lines({});
    CHECK(plain ==
          "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
          "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n");
    SecurityHeaders all;
    all.hsts = true;
    all.vary_by_origin = true;
    const std::string lines = security_header_lines(all);
    CHECK(lines.find("\r\nStrict-Transport-Security: max-age=") != std::string::npos);
    CHECK(lines.find("\r\nVary: Origin\r\n") != std::string::npos);
    CHECK(lines.substr(lines.size() - 2) == "\r\n");
}
