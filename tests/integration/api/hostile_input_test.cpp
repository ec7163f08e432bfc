// What bad input gets: an answer with the right status in the envelope of the contract, never a
// 500, never silence.
#include "integration/api/running_api.hpp"

#include "base/uuid.hpp"

#include <catch2/catch.hpp>

using namespace subcults::test;

namespace {

struct Bad {
    std::string method;
    std::string target;
    Headers headers;
    std::string body;
    unsigned status;
    std::string code;
};

}  // namespace

TEST_CASE("bad requests get their status and an error envelope") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url());
    const std::string stream = create_stream(database, api, "did:plc:host");
    const std::string join = "/streams/" + stream + "/join";
    const Headers user = RunningApi::as("did:plc:user");
    const auto with = [&](const std::string& name, const std::string& value) {
        Headers headers = user;
        headers.emplace_back(name, value);
        return headers;
    };
    const auto authorized = [](const std::string& value) {
        return Headers{{"Authorization", value}};
    };
    const std::string unknown = subcults::uuid_v7().to_string();
    const std::string deep(100'000, '[');

    const std::vector<Bad> table{
        // Who is calling?
        {"GET", "/streams", {}, "", 401, "auth_failed"},
        {"GET", "/streams", authorized("Bearer"), "", 401, "auth_failed"},
        {"GET", "/streams", authorized("Basic dXNlcjpwYXNz"), "", 401, "auth_failed"},
        {"GET", "/streams", authorized("Bearer not.a.token"), "", 401, "auth_failed"},
        {"GET", "/streams", authorized("Bearer a b"), "", 401, "auth_failed"},
        {"GET", "/streams",
         authorized("Bearer eyJhbGciOiJub25lIn0.eyJkaWQiOiJkaWQ6cGxjOmEiLCJleHAiOjk5OTk5OTk5OTl9."),
         "", 401, "auth_failed"},
        {"POST", join, {}, "", 401, "auth_failed"},
        // Where to?
        {"GET", "/", {}, "", 404, "not_found"},
        {"GET", "/nothing", {}, "", 404, "not_found"},
        {"GET", "/streams/", user, "", 404, "not_found"},
        {"GET", "//streams", user, "", 404, "not_found"},
        {"GET", "/streams/not-a-uuid", user, "", 404, "not_found"},
        {"GET", "/streams/" + unknown, user, "", 404, "not_found"},
        {"GET", "/streams/" + stream + "'--", user, "", 404, "not_found"},
        {"GET", "/streams/..%2f..%2fetc%2fpasswd", user, "", 404, "not_found"},
        {"GET", "/streams/%zz", user, "", 400, "bad_request"},
        {"GET", "/streams/%ff", user, "", 400, "bad_request"},
        {"GET", "/streams/%00", user, "", 400, "bad_request"},
        {"POST", "/streams/" + unknown + "/join", user, "", 404, "not_found"},
        {"POST", "/streams/" + unknown + "/leave", user, "", 404, "not_found"},
        {"POST", "/streams/" + unknown + "/end", user, "", 404, "not_found"},
        {"POST", "/streams/nope/join", user, "", 404, "not_found"},
        {"POST", join + "/again", user, "", 404, "not_found"},
        // How?
        {"DELETE", "/streams", user, "", 405, "method_not_allowed"},
        {"PUT", "/streams/" + stream, user, "", 405, "method_not_allowed"},
        {"GET", join, user, "", 405, "method_not_allowed"},
        {"PATCH", join, user, "", 405, "method_not_allowed"},
        {"TRACE", "/streams", user, "", 405, "method_not_allowed"},
        {"POST", "/health/live", {}, "", 405, "method_not_allowed"},
        {"POST", "/metrics", {}, "", 405, "method_not_allowed"},
        {"BREW", "/streams", user, "", 405, "method_not_allowed"},
        // With what?
        {"POST", join, with("Content-Type", "text/plain"), "{}", 415, "unsupported_media_type"},
        {"POST", join, with("Content-Type", "application/xml"), "<a/>", 415,
         "unsupported_media_type"},
        {"POST", join, user, "{", 400, "bad_request"},
        {"POST", join, user, "[]", 400, "validation_error"},
        {"POST", join, user, "null", 400, "validation_error"},
        {"POST", join, user, "\"text\"", 400, "validation_error"},
        {"POST", join, user, "{} x", 400, "bad_request"},
        {"POST", join, user, deep, 400, "validation_error"},
        {"POST", join, user, "{\"token_issued_at\":" + deep, 400, "validation_error"},
        {"POST", join, user, "{\"token_issued_at\":\"\xff\xfe\"}", 400, "bad_request"},
        {"POST", join, user, R"({"token_issued_at":"\ud800"})", 400, "bad_request"},
        {"POST", join, user, R"({"token_issued_at":"x"})", 400, "validation_error"},
        {"POST", join, user, R"({"token_issued_at":""})", 400, "validation_error"},
        {"POST", join, user, R"({"token_issued_at":1})", 400, "validation_error"},
        {"POST", join, user, R"({"token_issued_at":"2026-02-30T00:00:00Z"})", 400,
         "validation_error"},
        {"POST", join, user, R"({"token_issued_at":"2026-01-01T00:00:00"})", 400,
         "validation_error"},
        {"POST", join, user, R"({"token_issued_at":"2026-01-01T00:00:00Z\u0000"})", 400,
         "validation_error"},
        {"POST", join, user, R"({"surprise":"x"})", 400, "validation_error"},
        {"POST", join, user,
         R"({"token_issued_at":"2026-01-01T00:00:00Z","token_issued_at":"2026-01-01T00:00:00Z"})",
         400, "validation_error"},
        {"POST", "/streams/" + stream + "/leave", user, R"({"x":1})", 400, "validation_error"},
        {"POST", "/streams/" + stream + "/end", user, R"({"x":1})", 400, "validation_error"},
        {"POST", "/streams", user, "", 400, "validation_error"},
        {"POST", "/streams", user, "{}", 400, "validation_error"},
        {"POST", "/streams", user, R"({"scene_id":"x"})", 400, "validation_error"},
        {"POST", "/streams", user, R"({"scene_id":null})", 400, "validation_error"},
        {"POST", "/streams", user, R"({"scene_id":{}})", 400, "validation_error"},
        {"POST", "/streams", user, "{\"scene_id\":\"" + unknown + "\"}", 404, "scene_not_found"},
        {"POST", "/streams", user, "{\"event_id\":\"" + unknown + "\"}", 404, "not_found"},
        {"POST", join, with("Idempotency-Key", std::string(65, 'k')), "", 400, "validation_error"},
        {"POST", join, with("Idempotency-Key", "white space"), "", 400, "validation_error"},
        {"GET", "/streams?limit=0", user, "", 400, "validation_error"},
        {"GET", "/streams?limit=101", user, "", 400, "validation_error"},
        {"GET", "/streams?limit=ten", user, "", 400, "validation_error"},
        {"GET", "/streams?status=other", user, "", 400, "validation_error"},
        {"GET", "/streams?cursor=AAAA", user, "", 400, "validation_error"},
        {"GET", "/streams?cursor=%zz", user, "", 400, "bad_request"},
        {"POST", join, user, std::string(1024 * 1024 + 1, ' '), 413, "payload_too_large"},
        {"GET", "/streams", with("X-Padding", std::string(20'000, 'x')), "", 431,
         "headers_too_large"},
    };
    for (const Bad& bad : table) {
        INFO(bad.method << " " << bad.target.substr(0, 80) << " " << bad.body.substr(0, 60));
        Answer answer;
        REQUIRE_NOTHROW(answer =
                            api.client().request(bad.method, bad.target, bad.headers, bad.body));
        CHECK(answer.status == bad.status);
        CHECK(answer.error_code() == bad.code);
        CHECK(answer.header("Content-Type") == "application/json; charset=utf-8");
        const auto body = answer.json();
        REQUIRE(body["error"].HasMember("message"));
        CHECK(answer.header("X-Request-ID") == body["error"]["request_id"].GetString());
        CHECK_FALSE(answer.header("X-Request-ID").empty());
        CHECK(answer.body.find("did:") == std::string::npos);
        CHECK(answer.body.find("SELECT") == std::string::npos);
        if (bad.status == 405) CHECK_FALSE(answer.header("Allow").empty());
    }
    CHECK(api.process().running());
    CHECK(database.execute("SELECT join_count + leave_count FROM stream_sessions") == "0");
    const std::string exposition = api.client().get("/metrics").body;
    CHECK(exposition.find("status=\"500\"") == std::string::npos);
}
