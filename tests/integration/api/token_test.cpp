#include "integration/api/running_api.hpp"
#include "livekit/running_stub.hpp"

#include "base/time.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::test;

namespace {

const std::string host = "did:plc:host";
const std::string listener = "did:plc:listener";

std::string connect_body(const std::string& token) {
    return "{\"token\":\"" + token + "\"}";
}

}  // namespace

TEST_CASE("a listener gets a token that lets it hear, a host one that lets it speak") {
    const TestDatabase database = TestDatabase::migrated();
    RunningStub livekit;
    RunningApi api(database.url(), livekit.environment());
    const std::string stream = create_stream(database, api, host);
    auto client = api.client();

    const Answer given = client.post("/streams/" + stream + "/token", RunningApi::as(listener));
    REQUIRE(given.status == 200);
    CHECK(given.header("Cache-Control") == "no-store");
    const rapidjson::Document token = given.json();
    CHECK(std::string(token["url"].GetString()) == livekit.url());
    const std::string room = token["room_name"].GetString();
    CHECK(room.starts_with("scene-"));
    const auto issued = parse_rfc3339(token["issued_at"].GetString());
    const auto expires = parse_rfc3339(token["expires_at"].GetString());
    REQUIRE(issued);
    REQUIRE(expires);
    CHECK(std::abs(expires->seconds() - issued->seconds() - 600) < 2);

    const auto heard = livekit.control("connect", connect_body(token["token"].GetString()));
    CHECK(std::string(heard["identity"].GetString()) == token["participant_id"].GetString());
    CHECK(std::string(heard["room"].GetString()) == room);
    CHECK_FALSE(heard["can_publish"].GetBool());
    CHECK_FALSE(heard["can_publish_data"].GetBool());
    CHECK(heard["can_subscribe"].GetBool());
    CHECK_FALSE(heard["can_update_own_metadata"].GetBool());

    const rapidjson::Document own =
        client.post("/streams/" + stream + "/token", RunningApi::as(host), "{}").json();
    const auto spoken = livekit.control("connect", connect_body(own["token"].GetString()));
    CHECK(spoken["can_publish"].GetBool());
    CHECK_FALSE(spoken["can_publish_data"].GetBool());
    const std::string who = "\"room\":\"" + room + "\",\"identity\":\"" +
                            std::string(own["participant_id"].GetString()) + "\"";
    CHECK(livekit.try_control("publish", "{" + who + "}") == 200);
    CHECK(livekit.try_control("publish", "{" + who + ",\"source\":\"CAMERA\"}") == 403);
    // The token names a pseudonym only, and nothing of it is in the log.
    CHECK(given.body.find("did:") == std::string::npos);
    CHECK(api.process().output().find(token["token"].GetString()) == std::string::npos);
}

TEST_CASE("tokens are refused where joining would be, and refusals are audited") {
    const TestDatabase database = TestDatabase::migrated();
    RunningStub livekit;
    RunningApi api(database.url(), livekit.environment());
    const std::string stream = create_stream(database, api, host);
    auto client = api.client();
    const std::string path = "/streams/" + stream + "/token";

    CHECK(client.post(path).status == 401);
    CHECK(
        client.post("/streams/00000000-0000-7000-8000-000000000000/token", RunningApi::as(listener))
            .status == 404);
    CHECK(client.post(path, RunningApi::as(listener), "{\"room\":\"x\"}").status == 400);
    database.execute("UPDATE stream_sessions SET is_locked = true");
    CHECK(client.post(path, RunningApi::as(listener)).status == 403);
    CHECK(client.post(path, RunningApi::as(host)).status == 200);
    REQUIRE(client.post("/streams/" + stream + "/end", RunningApi::as(host)).status == 200);
    CHECK(client.post(path, RunningApi::as(host)).status == 409);
    CHECK(database.execute("SELECT count(*) FROM audit_logs WHERE action = 'token_issued'"
                           " AND outcome = 'success'") == "1");
    CHECK(database.execute("SELECT count(*) > 0 FROM audit_logs WHERE action = 'token_issued'"
                           " AND outcome = 'failure'") == "t");
}

TEST_CASE("without LiveKit streams work, and tokens answer 503") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url());
    const std::string stream = create_stream(database, api, host);
    auto client = api.client();
    const Answer refused = client.post("/streams/" + stream + "/token", RunningApi::as(host));
    CHECK(refused.status == 503);
    CHECK(refused.error_code() == "livekit_not_configured");
    CHECK_FALSE(refused.header("Retry-After").empty());
    CHECK(client.post("/streams/" + stream + "/join", RunningApi::as(listener)).status == 200);
    CHECK(client.post("/internal/livekit/webhook", {}, "{}").status == 503);
    CHECK(client.get("/health/ready").body.find("\"livekit\":\"not_configured\"") !=
          std::string::npos);
}

TEST_CASE("a token costs nothing of a LiveKit that is dead") {
    const TestDatabase database = TestDatabase::migrated();
    auto livekit = std::make_unique<RunningStub>();
    RunningApi api(database.url(), livekit->environment());
    const std::string stream = create_stream(database, api, host);
    livekit->process().kill();
    eventually("the circuit is open", [&] { return api.metric("livekit_circuit_open") == 1; });
    auto client = api.client();
    const auto begun = std::chrono::steady_clock::now();
    CHECK(client.post("/streams/" + stream + "/token", RunningApi::as(listener)).status == 200);
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(1));
    const Answer ready = client.get("/health/ready");
    CHECK(ready.status == 200);
    CHECK(ready.body.find("\"livekit\":\"unreachable\"") != std::string::npos);
}

TEST_CASE("only some of LiveKit's variables are a mistake") {
    auto environment = RunningApi::environment("postgresql://127.0.0.1/none");
    environment["LIVEKIT_URL"] = "ws://127.0.0.1:7880";
    Process process({program("subcults-api")}, environment);
    CHECK(process.wait() == 2);
    CHECK(process.output().find("LIVEKIT_API_SECRET") != std::string::npos);
}
