#include "integration/api/running_api.hpp"

#include <catch2/catch.hpp>

using namespace subcults::test;

TEST_CASE("errors of clients are counted by type and kept nowhere") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url());
    auto client = api.client();
    const Headers user = RunningApi::as("did:plc:secretreporter");
    const Answer taken = client.post(
        "/telemetry/client-errors", user,
        R"({"errors":[{"type":"ice_failed","count":3},{"type":"turn_failed"},{"type":"other"}]})");
    CHECK(taken.status == 202);
    CHECK(taken.body == R"({"accepted":3})");
    CHECK(client.post("/telemetry/client-errors", user, R"({"type":"ice_failed"})").status == 202);
    CHECK(api.metric("client_errors_total{error_type=\"ice_failed\"}") == 4);
    CHECK(api.metric("client_errors_total{error_type=\"turn_failed\"}") == 1);
    CHECK(api.metric("client_errors_total{error_type=\"other\"}") == 1);
    CHECK(api.metric("client_errors_total{error_type=\"unsupported\"}") == 0);
    CHECK(api.client().get("/metrics").body.find("secretreporter") == std::string::npos);
    CHECK(api.process().output().find("secretreporter") == std::string::npos);
}

TEST_CASE("a batch with one bad entry counts nothing") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url());
    const Answer refused =
        api.client().post("/telemetry/client-errors", RunningApi::as("did:plc:a"),
                          R"({"errors":[{"type":"ice_failed"},{"type":"made_up"}]})");
    CHECK(refused.status == 400);
    CHECK(refused.error_code() == "validation_error");
    CHECK(refused.body.find("playback_failed") != std::string::npos);
    CHECK(refused.body.find("made_up") == std::string::npos);
    CHECK(api.metric("client_errors_total{error_type=\"ice_failed\"}") == 0);
    CHECK(api.metric("client_errors_total{error_type=\"other\"}") == 0);
}

TEST_CASE("a client that reports without end is slowed down, by itself only") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url(), {{"API_RATE_LIMIT_CLIENT_ERRORS_PER_MINUTE", "2"}});
    auto client = api.client();
    const auto report = [&](const std::string& did) {
        return client.post("/telemetry/client-errors", RunningApi::as(did), R"({"type":"other"})");
    };
    CHECK(report("did:plc:a").header("X-RateLimit-Limit") == "2");
    CHECK(report("did:plc:a").status == 202);
    CHECK(report("did:plc:a").status == 429);
    CHECK(report("did:plc:b").status == 202);
    CHECK(api.metric("client_errors_total{error_type=\"other\"}") == 3);
    CHECK(api.metric("rate_limit_rejected_total{class=\"client_errors\"}") == 1);
}
