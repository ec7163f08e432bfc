#include "integration/api/running_api.hpp"

#include <catch2/catch.hpp>

using namespace subcults::test;

namespace {

const std::string app = "https://app.subcult.tv";
const std::string evil = "https://evil.example";

Headers with_origin(Headers headers, const std::string& origin) {
    headers.emplace_back("Origin", origin);
    return headers;
}

}  // namespace

TEST_CASE("pages of an allowed origin may read every answer, others none") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url(), {{"API_CORS_ORIGINS", app + ", http://localhost:5173"},
                                    {"API_RATE_LIMIT_PER_MINUTE", "1"},
                                    {"API_RATE_LIMIT_BURST", "8"}});
    auto client = api.client();
    const Headers user = RunningApi::as("did:plc:a");
    struct Case {
        std::string method;
        std::string target;
        Headers headers;
        unsigned status;
    };
    for (const Case& c : {Case{"GET", "/streams", user, 200}, Case{"GET", "/streams", {}, 401},
                          Case{"GET", "/nothing", user, 404}, Case{"PUT", "/streams", user, 405}}) {
        INFO(c.method << " " << c.target << " " << c.status);
        const Answer allowed = client.request(c.method, c.target, with_origin(c.headers, app));
        CHECK(allowed.status == c.status);
        CHECK(allowed.header("Access-Control-Allow-Origin") == app);
        CHECK(allowed.header("Access-Control-Expose-Headers").find("Retry-After") !=
              std::string::npos);
        CHECK(allowed.header("Vary") == "Origin");
        const Answer foreign = client.request(c.method, c.target, with_origin(c.headers, evil));
        CHECK(foreign.status == c.status);
        CHECK(foreign.header("Access-Control-Allow-Origin").empty());
        CHECK(foreign.header("Vary") == "Origin");
    }
    // A page must be able to read that it was too fast.
    const Answer limited = client.get("/streams", with_origin(user, app));
    CHECK(limited.status == 429);
    CHECK(limited.header("Access-Control-Allow-Origin") == app);
}

TEST_CASE("a preflight is answered without credentials, limits or a route for OPTIONS") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url(), {{"API_CORS_ORIGINS", app},
                                    {"API_RATE_LIMIT_PER_MINUTE", "1"},
                                    {"API_RATE_LIMIT_BURST", "1"}});
    auto client = api.client();
    const Headers ask{{"Origin", app},
                      {"Access-Control-Request-Method", "POST"},
                      {"Access-Control-Request-Headers", "authorization, content-type"}};
    for (int i = 0; i < 5; ++i) {
        const Answer answer = client.request("OPTIONS", "/streams", ask);
        REQUIRE(answer.status == 204);
        CHECK(answer.body.empty());
        CHECK(answer.header("Access-Control-Allow-Origin") == app);
        CHECK(answer.header("Access-Control-Allow-Methods").find("POST") != std::string::npos);
        CHECK(answer.header("Access-Control-Allow-Headers").find("Authorization") !=
              std::string::npos);
        CHECK(answer.header("Access-Control-Max-Age") == "600");
        CHECK(answer.header("Access-Control-Allow-Credentials").empty());
    }
    const Answer foreign = client.request(
        "OPTIONS", "/streams", {{"Origin", evil}, {"Access-Control-Request-Method", "POST"}});
    CHECK(foreign.status == 204);
    CHECK(foreign.header("Access-Control-Allow-Origin").empty());
    CHECK(foreign.header("Access-Control-Allow-Methods").empty());
}

TEST_CASE("without an allow-list OPTIONS is a method like any other that is not there") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url());
    const Answer answer = api.client().request(
        "OPTIONS", "/streams", {{"Origin", app}, {"Access-Control-Request-Method", "POST"}});
    CHECK(answer.status == 405);
    CHECK(answer.header("Access-Control-Allow-Origin").empty());
    CHECK(answer.header("Vary").empty());
}

TEST_CASE("every answer carries the security headers, HSTS only when configured") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi plain(database.url());
    RunningApi tls(database.url(), {{"API_HSTS", "true"}});
    const Headers user = RunningApi::as("did:plc:a");
    for (const auto& [target, headers] : {std::pair<std::string, Headers>{"/streams", user},
                                          {"/streams", {}},
                                          {"/nothing", {}},
                                          {"/health/live", {}},
                                          {"/metrics", {}}}) {
        INFO(target);
        const Answer answer = plain.client().get(target, headers);
        CHECK(answer.header("X-Content-Type-Options") == "nosniff");
        CHECK(answer.header("Referrer-Policy") == "no-referrer");
        CHECK(answer.header("Content-Security-Policy") ==
              "default-src 'none'; frame-ancestors 'none'");
        CHECK(answer.header("Strict-Transport-Security").empty());
        CHECK(tls.client().get(target, headers).header("Strict-Transport-Security") ==
              "max-age=31536000");
    }
    CHECK(plain.client().get("/streams", user).header("Cache-Control") == "no-store");
    CHECK(plain.client().get("/streams").header("Cache-Control") == "no-store");
}

TEST_CASE("mistakes in origins, proxies and limits are reported at start") {
    Process process({program("subcults-api")}, {{"API_CORS_ORIGINS", "https://ok.example, *"},
                                                {"API_TRUSTED_PROXIES", "10.0.0.0/8, proxy"},
                                                {"API_RATE_LIMIT_PER_MINUTE", "-1"},
                                                {"API_SHED_LAG_MS", "soon"},
                                                {"API_HSTS", "perhaps"}});
    CHECK(process.wait() == 2);
    for (const char* variable : {"API_CORS_ORIGINS", "API_TRUSTED_PROXIES",
                                 "API_RATE_LIMIT_PER_MINUTE", "API_SHED_LAG_MS", "API_HSTS"}) {
        INFO(variable);
        CHECK(process.output().find(variable) != std::string::npos);
    }
}
