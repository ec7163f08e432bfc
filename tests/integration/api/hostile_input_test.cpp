// What bad input gets: an answer with the right status in the envelope of the contract, never a
// 500, never silence, and never a word about the inside.
#include "integration/api/hostile_table.hpp"
#include "integration/api/raw_connection.hpp"
#include "integration/api/running_api.hpp"

#include "base/uuid.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <regex>

using namespace subcults::test;
using namespace std::chrono_literals;

namespace {

// Longer than any timeout of the server under test.
constexpr auto patience = 20s;
const std::string internal_token(32, 'i');

Process::Environment impatient() {
    return {{"API_HEAD_TIMEOUT_MS", "3000"},
            {"API_BODY_TIMEOUT_MS", "3000"},
            {"API_RATE_LIMIT_CLIENT_ERRORS_PER_MINUTE", "0"},
            {"INTERNAL_AUTH_TOKEN", internal_token},
            {"LIVEKIT_URL", "ws://127.0.0.1:9"},
            {"LIVEKIT_API_KEY", "key"},
            {"LIVEKIT_API_SECRET", std::string(32, 'l')}};
}

World make_world(const TestDatabase& database, RunningApi& api) {
    const std::string host = "did:plc:host";
    World world;
    world.ended = create_stream(database, api, host);
    api.client().post("/streams/" + world.ended + "/end", RunningApi::as(host));
    world.stream = create_stream(database, api, host);
    world.scene =
        database.execute("SELECT scene_id FROM stream_sessions WHERE id = '" + world.stream + "'");
    world.unknown = subcults::uuid_v7().to_string();
    world.user = RunningApi::token("did:plc:user");
    world.host = RunningApi::token(host);
    world.admin = RunningApi::token("did:plc:admin", "admin");
    world.secret = std::string(32, 'j');
    world.internal = internal_token;
    return world;
}

// Words of the inside that no answer may contain.
void check_discretion(const std::string& body) {
    for (const char* word :
         {"did:",     "SELECT",          "INSERT",       "UPDATE",  "DELETE FROM",
          "SQLSTATE", "stream_sessions", "audit_logs",   "pg_",     "libpq",
          "std::",    "boost",           "rapidjson",    ".cpp",    ".hpp",
          "what()",   "terminate",       "Segmentation", "/tmp",    "/home",
          "/usr",     "jjjjjjjj",        "pppppppp",     "iiiiiiii"}) {
        INFO(word);
        CHECK(body.find(word) == std::string::npos);
    }
}

void check_answer(const RawAnswer& answer, const Expected& expected, bool head) {
    CHECK(answer.status == expected.status);
    CHECK((answer.status < 500 || answer.status == 503));
    static const std::regex id_form("[A-Za-z0-9_-]{1,128}");
    CHECK(std::regex_match(answer.header("x-request-id"), id_form));
    CHECK(answer.header("x-content-type-options") == "nosniff");
    CHECK(answer.header("referrer-policy") == "no-referrer");
    CHECK_FALSE(answer.header("content-security-policy").empty());
    if (answer.status == 401 && !expected.code.empty()) {
        CHECK(answer.header("www-authenticate") == "Bearer");
    }
    if (answer.status == 405) CHECK_FALSE(answer.header("allow").empty());
    if (answer.status == 429 || answer.status == 503) {
        CHECK_FALSE(answer.header("retry-after").empty());
    }
    if (answer.status == 408 || answer.status == 431) CHECK(answer.header("connection") == "close");
    check_discretion(answer.body);
    if (head) return;
    CHECK(answer.header("content-type") == "application/json; charset=utf-8");
    rapidjson::Document body;
    body.Parse<rapidjson::kParseValidateEncodingFlag>(answer.body.data(), answer.body.size());
    REQUIRE(body.IsObject());
    REQUIRE(body.MemberCount() == 1);
    REQUIRE(body.HasMember("error"));
    const auto& error = body["error"];
    REQUIRE(error.IsObject());
    REQUIRE(error.MemberCount() == 3);
    REQUIRE(error["code"].IsString());
    REQUIRE(error["message"].IsString());
    REQUIRE(error["request_id"].IsString());
    CHECK(error["message"].GetStringLength() > 5);
    CHECK(error["request_id"].GetString() == answer.header("x-request-id"));
    if (!expected.code.empty()) CHECK(std::string(error["code"].GetString()) == expected.code);
}

// A refusal is part of the contract too: the description of the route must know it.
void check_described(const Contract& contract, const Row& row, const RawAnswer& answer) {
    const std::size_t method = row.bytes.find(' ');
    if (method == std::string::npos) return;
    const std::size_t target = row.bytes.find(' ', method + 1);
    if (target == std::string::npos) return;
    const std::string_view line = row.bytes;
    Exchange exchange{line.substr(0, method),
                      line.substr(method + 1, target - method - 1),
                      "",
                      answer.status,
                      answer.body,
                      {}};
    exchange.header = [&answer](std::string_view name) { return answer.header(std::string(name)); };
    CHECK(contract.violation(exchange).value_or("as described") == "as described");
}

void read_answers(RawConnection& connection, const Row& row, const Contract& contract) {
    INFO(shown(row));
    std::size_t number = 0;
    for (const Expected& expected : row.answers) {
        INFO("answer " << number++ << ", " << expected.status << " expected");
        const auto answer = connection.read(patience, row.head);
        REQUIRE(answer);
        INFO(answer->body.substr(0, 300));
        check_answer(*answer, expected, row.head);
        if (row.answers.size() == 1) check_described(contract, row, *answer);
    }
}

// Every row on a connection of its own. The slow ones wait for their timeouts all at once.
void run(const RunningApi& api, const Table& table) {
    std::vector<std::pair<const Row*, RawConnection>> slow;
    for (const Row& row : table) {
        if (!row.slow) continue;
        slow.emplace_back(&row, RawConnection(api.port()));
        slow.back().second.send(row.bytes);
    }
    for (const Row& row : table) {
        if (row.slow) continue;
        RawConnection connection(api.port());
        connection.send(row.bytes);  // the server may refuse before it has taken all of it
        read_answers(connection, row, api.contract());
    }
    for (auto& [row, connection] : slow)
        read_answers(connection, *row, api.contract());
}

void check_unharmed(const TestDatabase& database, RunningApi& api) {
    CHECK(api.process().running());
    CHECK(api.client().get("/health/ready").status == 200);
    CHECK(database.execute("SELECT sum(join_count + leave_count) FROM stream_sessions") == "0");
    CHECK(database.execute("SELECT count(*) FROM stream_sessions WHERE ended_at IS NULL") == "1");
    CHECK(database.execute("SELECT (SELECT count(*) FROM stream_quality_reports)"
                           " + (SELECT count(*) FROM stream_quality_metrics)") == "0");
    const std::string exposition = api.client().get("/metrics").body;
    CHECK(exposition.find("status=\"500\"") == std::string::npos);
    CHECK(exposition.find("did:") == std::string::npos);
    for (const char* type : {"ice_failed", "other"}) {
        CHECK(metric(exposition, "client_errors_total{error_type=\"" + std::string(type) + "\"}") ==
              0);
    }
    const std::string log = api.process().output();
    for (const char* secret : {"did:plc:", "Bearer ey", "jjjjjjjj", "pppppppp", "iiiiiiii"}) {
        INFO(secret);
        CHECK(log.find(secret) == std::string::npos);
    }
}

void append(Table& table, Table more) {
    std::move(more.begin(), more.end(), std::back_inserter(table));
}

}  // namespace

TEST_CASE("every bad request gets its status and its error, and changes nothing") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url(), impatient());
    const World world = make_world(database, api);
    Table table;
    for (const auto area :
         {hostile_tokens, hostile_targets, hostile_bodies, hostile_commands, hostile_framing,
          hostile_telemetry, hostile_moderation, hostile_webhooks, hostile_audit, hostile_quality,
          hostile_trust, hostile_jobs}) {
        append(table, area(world));
    }
    CHECK(table.size() >= 300);
    run(api, table);
    check_unharmed(database, api);
}

TEST_CASE("a client that drips its request byte by byte gains no time") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url(), impatient());
    RawConnection connection(api.port());
    connection.send("GET /streams HTTP/1.1\r\nX-Long: ");
    const auto begun = std::chrono::steady_clock::now();
    std::optional<RawAnswer> answer;
    while (!answer && std::chrono::steady_clock::now() - begun < patience) {
        connection.send("x");
        answer = connection.read(20ms);
    }
    REQUIRE(answer);
    CHECK(answer->status == 408);
    CHECK(std::chrono::steady_clock::now() - begun < 10s);
}
