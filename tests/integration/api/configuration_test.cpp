#include "integration/api/running_api.hpp"

#include <catch2/catch.hpp>

using namespace subcults::test;

TEST_CASE("every mistake in the configuration is reported at once, with exit status 2") {
    Process process({program("subcults-api")}, {{"API_LISTEN", "nowhere"},
                                                {"JWT_SECRET_CURRENT", "short"},
                                                {"API_THREADS", "many"},
                                                {"LOG_LEVEL", "loud"}});
    CHECK(process.wait() == 2);
    const std::string output = process.output();
    for (const char* variable : {"DATABASE_URL", "API_LISTEN", "JWT_SECRET_CURRENT", "API_THREADS",
                                 "PRIVACY_HMAC_KEY", "LOG_LEVEL"}) {
        INFO(variable);
        CHECK(output.find(variable) != std::string::npos);
    }
    CHECK(output.find("short") == std::string::npos);
}

TEST_CASE("--help lists every variable, --version says what this is") {
    Process help({program("subcults-api"), "--help"}, {});
    CHECK(help.wait() == 0);
    for (const char* variable :
         {"DATABASE_URL", "API_LISTEN", "JWT_SECRET_CURRENT", "JWT_SECRET_PREVIOUS",
          "PRIVACY_HMAC_KEY", "METRICS_AUTH_TOKEN", "SHUTDOWN_GRACE_SECONDS"}) {
        INFO(variable);
        CHECK(help.output().find(variable) != std::string::npos);
    }
    Process version({program("subcults-api"), "--version"}, {});
    CHECK(version.wait() == 0);
    CHECK(version.output().find("subcults-api 0.") == 0);
}

TEST_CASE("the token command makes tokens that the API accepts") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url());
    Process made({program("subcults-api"), "token", "--did", "did:plc:abc", "--ttl", "15m"},
                 RunningApi::environment(database.url()));
    REQUIRE(made.wait() == 0);
    std::string token = made.output();
    while (!token.empty() && token.back() == '\n')
        token.pop_back();
    CHECK(api.client().get("/streams", {{"Authorization", "Bearer " + token}}).status == 200);

    for (std::vector<std::string> bad :
         {std::vector<std::string>{"--did", "nobody"},
          std::vector<std::string>{"--did", "did:plc:a", "--role", "root"},
          std::vector<std::string>{"--did", "did:plc:a", "--ttl", "-5"},
          std::vector<std::string>{}}) {
        bad.insert(bad.begin(), {program("subcults-api"), "token"});
        Process refused(bad, RunningApi::environment(database.url()));
        CHECK(refused.wait() == 2);
    }
}

TEST_CASE("the scrape endpoint is open without a token and guarded with one") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url(), {{"METRICS_AUTH_TOKEN", "scrape-token"}});
    auto client = api.client();
    CHECK(client.get("/metrics").status == 401);
    CHECK(client.get("/metrics", {{"Authorization", "Bearer wrong"}}).status == 403);
    const Answer open = client.get("/metrics", {{"Authorization", "Bearer scrape-token"}});
    CHECK(open.status == 200);
    CHECK(open.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
    const Answer packed = client.get(
        "/metrics", {{"Authorization", "Bearer scrape-token"}, {"Accept-Encoding", "gzip"}});
    CHECK(packed.header("Content-Encoding") == "gzip");
    CHECK(packed.body.size() < open.body.size() / 3);
}

TEST_CASE("a port that is taken is reported with its address, exit status 1") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url(), {{"API_THREADS", "1"}});
    auto environment = RunningApi::environment(database.url());
    environment["API_LISTEN"] = "127.0.0.1:" + std::to_string(api.port());
    environment["API_THREADS"] = "1";
    Process second({program("subcults-api")}, environment);
    CHECK(second.wait() == 1);
    CHECK(second.output().find(std::to_string(api.port())) != std::string::npos);
}
