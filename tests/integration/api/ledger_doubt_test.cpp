// Commits whose answer is lost while they may still happen, and privacy keys that differ between
// replicas: what the ledger says to callers must be true all the same.
#include "integration/api/running_api.hpp"
#include "support/halted.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <future>
#include <thread>

using namespace subcults::test;

namespace {

const std::string host = "did:plc:host";
const std::string listener = "did:plc:listener";

Headers with_key(const std::string& did, const std::string& key) {
    Headers headers = RunningApi::as(did);
    headers.emplace_back("Idempotency-Key", key);
    return headers;
}

}  // namespace

TEST_CASE("a start that may yet happen is not called undone") {
    TestPostgres server;
    const TestDatabase database(server.url());
    Process migrate({program("subcults-api"), "migrate"}, RunningApi::environment(database.url()));
    REQUIRE(migrate.wait() == 0);
    RunningApi api(database.url());
    const std::string body = "{\"scene_id\":\"" + add_scene(database, host) + "\"}";
    const auto require_standby = [&](const std::string& name) {
        database.execute("ALTER SYSTEM SET synchronous_standby_names = '" + name + "'");
        database.execute("SELECT pg_reload_conf()");
    };
    const auto count = [&](const std::string& what) {
        return database.execute("SELECT count(*) FROM " + what);
    };

    // The commit waits for a standby that does not exist, then not even for that any more.
    require_standby("nobody");
    auto asked = std::async(std::launch::async, [&] {
        return api.client().post("/streams", with_key(host, "begin"), body);
    });
    const std::string waiting =
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'subcults-api ledger'"
        " AND wait_event = 'SyncRep'";
    eventually("the commit waits", [&] { return !database.execute(waiting).empty(); });
    Halted backend(std::stoi(database.execute(waiting)));
    require_standby("");

    const Answer first = asked.get();
    CHECK(first.status == 503);
    CHECK(first.error_code() == "outcome_unknown");
    CHECK(api.process().output().find("ledger lost its connection during COMMIT") !=
          std::string::npos);
    CHECK(count("stream_sessions") == "0");

    backend.go_on();
    eventually("the commit comes to its end", [&] { return count("stream_sessions") == "1"; });
    CHECK(count("active_streams") == "1");
    CHECK(count("stream_rooms") == "1");
    CHECK(count("audit_logs WHERE action = 'created' AND outcome = 'success'") == "1");

    const Answer again = api.client().post("/streams", with_key(host, "begin"), body);
    REQUIRE(again.status == 201);
    CHECK(again.json()["id"].GetString() == database.execute("SELECT id FROM stream_sessions"));
    CHECK(count("stream_sessions") == "1");
}

TEST_CASE("a replica without the newest privacy key refuses the sessions made with it, no others") {
    const TestDatabase database = TestDatabase::migrated();
    const std::string old_key(32, 'p');
    RunningApi behind(database.url());
    RunningApi ahead(database.url(), {{"PRIVACY_HMAC_KEY", std::string(32, 'q')},
                                      {"PRIVACY_HMAC_KEYS_PREVIOUS", old_key}});
    const std::string known = "/streams/" + create_stream(database, behind, host);
    const std::string unknown = "/streams/" + create_stream(database, ahead, host);

    // At once, so that they share batches.
    std::vector<std::thread> crowd;
    std::vector<Answer> served(8);
    std::vector<Answer> refused(8);
    for (std::size_t i = 0; i < served.size(); ++i) {
        crowd.emplace_back([&, i] {
            HttpClient client(behind.port());
            const Headers me = RunningApi::as("did:plc:l" + std::to_string(i));
            for (int round = 0; round < 20; ++round) {
                served[i] = client.post(known + "/join", me);
                if (served[i].status != 200) return;
            }
        });
        crowd.emplace_back([&, i] {
            HttpClient client(behind.port());
            const Headers me = RunningApi::as("did:plc:l" + std::to_string(i));
            for (int round = 0; round < 20; ++round) {
                refused[i] = client.post(unknown + "/join", me);
                if (refused[i].status != 503) return;
            }
        });
    }
    for (auto& thread : crowd)
        thread.join();
    for (std::size_t i = 0; i < served.size(); ++i) {
        CHECK(served[i].status == 200);
        CHECK(refused[i].status == 503);
        CHECK(refused[i].error_code() == "unavailable");
        CHECK_FALSE(refused[i].header("Retry-After").empty());
    }
    CHECK(behind.client().post(unknown + "/end", RunningApi::as(host)).status == 503);
    // The other replica serves both.
    CHECK(ahead.client().post(unknown + "/join", RunningApi::as(listener)).status == 200);
    CHECK(ahead.client().post(known + "/join", RunningApi::as(listener)).status == 200);
    CHECK(database.execute("SELECT string_agg(join_count::text, ',' ORDER BY join_count)"
                           " FROM stream_sessions") == "1,161");
}

TEST_CASE("a retry after a rotation of the privacy key gets the first answer and counts nothing") {
    const TestDatabase database = TestDatabase::migrated();
    auto api = std::make_unique<RunningApi>(database.url());
    const std::string body = "{\"scene_id\":\"" + add_scene(database, host) + "\"}";
    const auto create = [&] {
        return api->client().post("/streams", with_key(host, "begin"), body);
    };
    const Answer created = create();
    REQUIRE(created.status == 201);
    const std::string path = "/streams/" + std::string(created.json()["id"].GetString());
    const auto join = [&](const std::string& said = {}) {
        return api->client().post(path + "/join", with_key(listener, "in"), said);
    };
    const Answer joined = join();
    REQUIRE(joined.status == 200);

    api.reset();
    api = std::make_unique<RunningApi>(
        database.url(), Process::Environment{{"PRIVACY_HMAC_KEY", std::string(32, 'q')},
                                             {"PRIVACY_HMAC_KEYS_PREVIOUS", std::string(32, 'p')}});
    CHECK(join().body == joined.body);
    CHECK(join(R"({"token_issued_at":"2026-01-01T00:00:00Z"})").status == 422);
    CHECK(create().body == created.body);
    CHECK(database.execute("SELECT join_count FROM stream_sessions") == "1");
    // Somebody else's key of the same text is another one.
    CHECK(api->client().post(path + "/join", with_key("did:plc:other", "in")).status == 200);
    CHECK(database.execute("SELECT join_count FROM stream_sessions") == "2");
}
