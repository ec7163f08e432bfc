// An independent opinion: LiveKit's own server SDK for Node, where it is installed.
#include "integration/api/running_api.hpp"
#include "livekit/access.hpp"
#include "livekit/running_stub.hpp"
#include "support/skip.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <sstream>

using namespace subcults::test;

namespace {

const std::string key = RunningStub::api_key;
const std::string secret = RunningStub::api_secret;

std::optional<std::string> path_of_node() {
    const char* path = std::getenv("PATH");
    std::istringstream folders(path != nullptr ? path : "");
    for (std::string folder; std::getline(folders, folder, ':');) {
        if (std::filesystem::exists(folder + "/node")) return folder + "/node";
    }
    return std::nullopt;
}

struct Said {
    int status = 0;
    std::string text;  // without the line's end
};

// Runs the script; nullopt (and the reason printed) where it cannot run.
std::optional<Said> ask(std::vector<std::string> arguments) {
    const auto node = path_of_node();
    if (!node) {
        report_skipped("Node is not installed");
        return std::nullopt;
    }
    std::vector<std::string> line{*node, SUBCULTS_SOURCE_DIR "/tests/livekit/node/check.mjs"};
    line.insert(line.end(), arguments.begin(), arguments.end());
    Process::Environment environment;
    if (const char* place = std::getenv("SUBCULTS_NODE_MODULES")) {
        environment["SUBCULTS_NODE_MODULES"] = place;
    }
    Process process(line, environment);
    Said said;
    said.status = process.wait();
    said.text = process.output();
    if (said.status == 77) {
        report_skipped("npm package livekit-server-sdk is not installed (SUBCULTS_NODE_MODULES)");
        return std::nullopt;
    }
    while (!said.text.empty() && said.text.back() == '\n')
        said.text.pop_back();
    return said;
}

}  // namespace

TEST_CASE("LiveKit's SDK accepts our tokens, and we its webhooks") {
    const auto probe = ask({"sign", key, secret, "{}"});
    if (!probe) return;
    REQUIRE(probe->status == 0);

    const TestDatabase database = TestDatabase::migrated();
    RunningStub livekit;
    RunningApi api(database.url(), livekit.environment());
    const std::string stream = create_stream(database, api, "did:plc:host");
    auto client = api.client();
    const auto token =
        client.post("/streams/" + stream + "/token", RunningApi::as("did:plc:listener")).json();
    const std::string text = token["token"].GetString();
    const auto claims = ask({"token", key, secret, text});
    REQUIRE(claims);
    INFO(claims->text);
    REQUIRE(claims->status == 0);
    CHECK(claims->text.find("\"canPublish\":false") != std::string::npos);
    CHECK(claims->text.find("\"roomJoin\":true") != std::string::npos);
    CHECK(ask({"token", key, std::string(40, 'x'), text})->status != 0);

    const std::string body = "{\"event\":\"room_started\",\"id\":\"EV_sdk\",\"createdAt\":\"" +
                             std::to_string(std::time(nullptr)) +
                             "\",\"room\":{\"sid\":\"RM_1\",\"name\":\"" +
                             std::string(token["room_name"].GetString()) + "\"}}";
    const auto header = ask({"sign", key, secret, body});
    REQUIRE(header);
    const Headers headers{{"Authorization", header->text},
                          {"Content-Type", "application/webhook+json"}};
    CHECK(client.post("/internal/livekit/webhook", headers, body).status == 200);
    CHECK(client.post("/internal/livekit/webhook", headers, body + " ").status == 401);
}

TEST_CASE("LiveKit's SDK takes the stub for a LiveKit") {
    const std::string body = "{\"event\":\"room_started\",\"id\":\"EV_1\"}";
    const std::string signature =
        subcults::livekit_stub::sign_webhook(body, key, secret, std::time(nullptr));
    const auto received = ask({"receive", key, secret, body, signature});
    if (!received) return;
    CHECK(received->text == "accepted");
    CHECK(ask({"receive", key, secret, body + " ", signature})->status != 0);

    RunningStub livekit;
    livekit.control("join", "{\"room\":\"r\",\"identity\":\"user-a\"}");
    livekit.control("join", "{\"room\":\"r\",\"identity\":\"user-b\"}");
    const std::string url = "http://127.0.0.1:" + std::to_string(livekit.port());
    CHECK(ask({"people", key, secret, url, "r"})->text == "user-a user-b");
    CHECK(ask({"people", key, std::string(40, 'x'), url, "r"})->status != 0);
}
