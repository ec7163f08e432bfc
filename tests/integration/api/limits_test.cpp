#include "integration/api/running_api.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <ctime>
#include <thread>

using namespace subcults::test;

namespace {

const std::string host = "did:plc:host";
const std::string listener = "did:plc:listener";

// Bursts refill while a test runs: with one request per minute nothing comes back in time.
Process::Environment limited(const std::string& general, const std::string& joins) {
    return {{"API_RATE_LIMIT_PER_MINUTE", "1"},
            {"API_RATE_LIMIT_BURST", general},
            {"API_RATE_LIMIT_JOINS_PER_MINUTE", "1"},
            {"API_RATE_LIMIT_JOINS_BURST", joins}};
}

Headers forwarded(const std::string& chain) {
    Headers headers = RunningApi::as(listener);
    headers.emplace_back("X-Forwarded-For", chain);
    return headers;
}

}  // namespace

TEST_CASE("a user who joins too often is refused before anything is counted") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url(), limited("1000", "3"));
    const std::string id = create_stream(database, api, host);
    const std::string join = "/streams/" + id + "/join";
    for (int left = 2; left >= 0; --left) {
        // New connections: the limit holds across workers.
        const Answer joined = api.client().post(join, RunningApi::as(listener));
        REQUIRE(joined.status == 200);
        CHECK(joined.header("X-RateLimit-Limit") == "3");
        CHECK(joined.header("X-RateLimit-Remaining") == std::to_string(left));
        CHECK(std::stoll(joined.header("X-RateLimit-Reset")) >= std::time(nullptr));
    }
    for (int i = 0; i < 20; ++i) {
        const Answer refused = api.client().post(join, RunningApi::as(listener));
        REQUIRE(refused.status == 429);
        CHECK(refused.error_code() == "rate_limited");
        const int wait = std::stoi(refused.header("Retry-After"));
        CHECK(wait >= 1);
        CHECK(wait <= 60);
        CHECK(refused.header("X-RateLimit-Remaining") == "0");
    }
    // A repeat of a known Idempotency-Key is a request like any other.
    Headers keyed = RunningApi::as("did:plc:keyed");
    keyed.emplace_back("Idempotency-Key", "k");
    for (int i = 0; i < 3; ++i)
        CHECK(api.client().post(join, keyed).status == 200);
    CHECK(api.client().post(join, keyed).status == 429);

    // Others are not touched, and neither is what else this user does.
    CHECK(api.client().post(join, RunningApi::as("did:plc:other")).status == 200);
    CHECK(api.client().post("/streams/" + id + "/leave", RunningApi::as(listener)).status == 200);
    CHECK(database.execute("SELECT join_count FROM stream_sessions") == "5");
    CHECK(database.execute("SELECT count(*) FROM audit_logs WHERE action = 'joined'") == "5");
    CHECK(api.metric("rate_limit_rejected_total{class=\"joins\"}") == 21);
    CHECK(api.metric("rate_limit_rejected_total{class=\"general\"}") == 0);
}

TEST_CASE("leaves and LiveKit tokens have limits of their own, and a refusal leaves no entry") {
    const TestDatabase database = TestDatabase::migrated();
    // Tokens need a LiveKit to be named, not to be there.
    RunningApi api(database.url(), {{"API_RATE_LIMIT_LEAVES_PER_MINUTE", "2"},
                                    {"API_RATE_LIMIT_TOKENS_PER_MINUTE", "2"},
                                    {"LIVEKIT_URL", "ws://127.0.0.1:9"},
                                    {"LIVEKIT_API_KEY", "key"},
                                    {"LIVEKIT_API_SECRET", std::string(32, 'l')}});
    const std::string stream = "/streams/" + create_stream(database, api, host);
    for (const char* action : {"/leave", "/token"}) {
        INFO(action);
        const std::string path = stream + action;
        for (int left = 1; left >= 0; --left) {
            const Answer answered = api.client().post(path, RunningApi::as(listener));
            REQUIRE(answered.status == 200);
            CHECK(answered.header("X-RateLimit-Limit") == "2");
            CHECK(answered.header("X-RateLimit-Remaining") == std::to_string(left));
        }
        for (int i = 0; i < 10; ++i) {
            const Answer refused = api.client().post(path, RunningApi::as(listener));
            REQUIRE(refused.status == 429);
            CHECK(refused.error_code() == "rate_limited");
            const int wait = std::stoi(refused.header("Retry-After"));
            CHECK(wait >= 1);
            CHECK(wait <= 30);
        }
        // Others are not touched, and neither is what else this user does.
        CHECK(api.client().post(path, RunningApi::as("did:plc:other")).status == 200);
        CHECK(api.client().post(stream + "/join", RunningApi::as(listener)).status == 200);
    }
    CHECK(database.execute("SELECT leave_count FROM stream_sessions") == "3");
    const auto entries = [&database](const std::string& action) {
        return database.execute("SELECT count(*) FROM audit_logs WHERE action = '" + action + "'");
    };
    CHECK(entries("left") == "3");
    CHECK(entries("token_issued") == "3");
    CHECK(api.metric("rate_limit_rejected_total{class=\"leaves\"}") == 10);
    CHECK(api.metric("rate_limit_rejected_total{class=\"tokens\"}") == 10);
    CHECK(api.metric("rate_limit_rejected_total{class=\"joins\"}") == 0);
}

TEST_CASE(
    "an address that asks too often is refused, whoever it claims to be and whatever it asks") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url(), limited("6", "100"));
    const auto status = [&](const std::string& target, const Headers& headers) {
        return api.client().get(target, headers).status;
    };
    CHECK(status("/streams", RunningApi::as(listener)) == 200);
    CHECK(status("/streams", RunningApi::as(host)) == 200);
    CHECK(status("/streams", {}) == 401);
    CHECK(status("/nothing", {}) == 404);
    CHECK(api.client().request("DELETE", "/streams").status == 405);
    CHECK(status("/streams", forwarded("203.0.113.1")) == 200);

    for (const char* target : {"/streams", "/nothing", "/streams?limit=0"}) {
        const Answer refused = api.client().get(target, forwarded("203.0.113.2"));
        CHECK(refused.status == 429);
        CHECK(refused.header("X-RateLimit-Limit") == "6");
        CHECK_FALSE(refused.header("Retry-After").empty());
    }
    // Who watches the service is never turned away.
    for (int i = 0; i < 30; ++i) {
        REQUIRE(status("/health/live", {}) == 200);
        REQUIRE(status("/health/ready", {}) == 200);
    }
    const Answer scrape = api.client().get("/metrics");
    CHECK(scrape.status == 200);
    CHECK(scrape.header("X-RateLimit-Limit").empty());
    CHECK(api.metric("rate_limit_rejected_total{class=\"general\"}") == 3);
    CHECK(api.metric("http_requests_total{method=\"GET\",route=\"/streams\",status=\"429\"}") == 2);
}

TEST_CASE("behind a trusted proxy the client's own address counts, and it cannot choose it") {
    const TestDatabase database = TestDatabase::migrated();
    auto variables = limited("3", "100");
    variables["API_TRUSTED_PROXIES"] = "127.0.0.1, 10.0.0.0/8";
    RunningApi api(database.url(), variables);
    const auto ask = [&](const std::string& chain) {
        return api.client().get("/streams", forwarded(chain)).status;
    };
    for (int i = 0; i < 3; ++i)
        CHECK(ask("198.51.100." + std::to_string(i) + ", 203.0.113.1") == 200);
    CHECK(ask("198.51.100.77, 203.0.113.1") == 429);
    CHECK(ask("203.0.113.1, 10.1.2.3") == 429);
    CHECK(ask("203.0.113.2") == 200);
    // One v6 subscriber, many addresses.
    for (int i = 0; i < 3; ++i)
        CHECK(ask("2001:db8:0:1::" + std::to_string(i)) == 200);
    CHECK(ask("2001:db8:0:1:ffff::9") == 429);
    CHECK(ask("2001:db8:0:2::1") == 200);
}

TEST_CASE("a limit of 0 is no limit and announces none") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url(), {{"API_RATE_LIMIT_PER_MINUTE", "0"},
                                    {"API_RATE_LIMIT_JOINS_PER_MINUTE", "0"},
                                    {"API_RATE_LIMIT_LEAVES_PER_MINUTE", "0"}});
    const std::string id = create_stream(database, api, host);
    for (int i = 0; i < 30; ++i) {
        for (const char* action : {"/join", "/leave"}) {
            const Answer answered =
                api.client().post("/streams/" + id + action, RunningApi::as(listener));
            REQUIRE(answered.status == 200);
            CHECK(answered.header("X-RateLimit-Limit").empty());
        }
    }
}

TEST_CASE(
    "by default a user may join ten times a minute, leave and take tokens thirty times, an address "
    "ask a thousand times") {
    const TestDatabase database = TestDatabase::migrated();
    auto variables = RunningApi::environment(database.url());
    for (const char* name :
         {"API_RATE_LIMIT_PER_MINUTE", "API_RATE_LIMIT_JOINS_PER_MINUTE",
          "API_RATE_LIMIT_LEAVES_PER_MINUTE", "API_RATE_LIMIT_TOKENS_PER_MINUTE"})
        variables.erase(name);
    Process process({program("subcults-api")}, variables);
    HttpClient client(process.listening_port());
    eventually("it is ready", [&] { return client.get("/health/ready").status == 200; });
    const Answer listed = client.get("/streams", RunningApi::as(listener));
    CHECK(listed.header("X-RateLimit-Limit") == "1000");
    CHECK(listed.header("X-RateLimit-Remaining") == "999");
    const std::string nowhere = "/streams/01890a5d-ac96-774b-bcce-b302099a8057";
    const Answer joined = client.post(nowhere + "/join", RunningApi::as(listener));
    CHECK(joined.status == 404);
    CHECK(joined.header("X-RateLimit-Limit") == "10");
    CHECK(joined.header("X-RateLimit-Remaining") == "9");
    for (const char* action : {"/leave", "/token"}) {
        const Answer answered = client.post(nowhere + action, RunningApi::as(listener));
        CHECK(answered.header("X-RateLimit-Limit") == "30");
        CHECK(answered.header("X-RateLimit-Remaining") == "29");
    }
}

TEST_CASE("beyond the concurrent requests of a worker the answer is 503, health stays well") {
    const TestDatabase database = TestDatabase::migrated();
    RunningApi api(database.url(), {{"API_THREADS", "1"}, {"API_MAX_CONCURRENT_REQUESTS", "1"}});
    const std::string id = create_stream(database, api, host);
    // A held row keeps one join under way.
    std::jthread locker([&] {
        database.execute(
            "BEGIN; SELECT 1 FROM stream_sessions FOR UPDATE; SELECT pg_sleep(1); COMMIT");
    });
    eventually("the row is held", [&] {
        return database.execute(
                   "SELECT count(*) FROM pg_stat_activity WHERE query LIKE "
                   "'BEGIN; SELECT 1%' AND wait_event = 'PgSleep'") == "1";
    });
    std::atomic<unsigned> status{0};
    std::jthread waiting([&] {
        status = api.client().post("/streams/" + id + "/join", RunningApi::as(listener)).status;
    });
    eventually("the join is under way", [&] { return api.metric("ledger_queue_commands") >= 1; });
    const Answer refused = api.client().get("/streams", RunningApi::as(listener));
    CHECK(refused.status == 503);
    CHECK(refused.error_code() == "overloaded");
    CHECK_FALSE(refused.header("Retry-After").empty());
    CHECK(api.client().get("/health/ready").status == 200);
    CHECK(api.metric("http_requests_shed_total{reason=\"concurrency\"}") == 1);
    waiting.join();
    locker.join();
    CHECK(status == 200);
    CHECK(api.client().get("/streams", RunningApi::as(listener)).status == 200);
}
