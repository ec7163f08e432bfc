// The audit log as admins and operators see it.
#include "integration/api/running_api.hpp"

#include "base/uuid.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

using namespace subcults;
using namespace subcults::test;

namespace {

const std::string host = "did:plc:host";
const std::string listener = "did:plc:listener";
const std::string admin = "did:plc:admin";

struct Fixture {
    TestDatabase database = TestDatabase::migrated();
    RunningApi api{database.url()};
    std::string id = create_stream(database, api, host);
    std::string path = "/streams/" + id;

    Answer as_admin(const std::string& target) {
        return api.client().get(target,
                                {{"Authorization", "Bearer " + RunningApi::token(admin, "admin")}});
    }
    void post(const std::string& what, const std::string& did) {
        REQUIRE(api.client().post(path + what, RunningApi::as(did)).status == 200);
    }
    std::string sql(const std::string& text) const { return database.execute(text); }

    // The output and exit status of `subcults-api audit …`.
    struct Run {
        int status = 0;
        std::string output;
    };
    Run audit(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {program("subcults-api"), "audit"});
        Process process(std::move(arguments), {{"DATABASE_URL", database.url()},
                                               {"PRIVACY_HMAC_KEY", std::string(32, 'p')}});
        Run run;
        run.status = process.wait();
        run.output = process.output();
        return run;
    }
};

const std::string reads =
    "SELECT string_agg(action || ' ' || outcome, ',' ORDER BY seq) FROM "
    "audit_logs WHERE entity_type = 'audit_log'";

}  // namespace

TEST_CASE_METHOD(Fixture, "a chain is read page by page, and every read is audited") {
    for (int i = 0; i < 5; ++i)
        post("/join", listener);
    const std::string target = "/audit-logs?entity_type=stream_session&entity_id=" + id;
    std::string cursor;
    std::int64_t next_seq = 1;
    int pages = 0;
    do {
        const Answer answer =
            as_admin(target + "&limit=4" + (cursor.empty() ? "" : "&cursor=" + cursor));
        REQUIRE(answer.status == 200);
        const auto page = answer.json();
        for (const auto& entry : page["entries"].GetArray()) {
            CHECK(entry["seq"].GetInt64() == next_seq++);
            CHECK(entry["entity_id"].GetString() == id);
            CHECK(std::string(entry["hash"].GetString()).size() == 64);
            CHECK(std::string(entry["actor"].GetString()).size() == 32);
            CHECK(entry["target"].IsNull());
        }
        cursor = page["next_cursor"].IsNull() ? "" : page["next_cursor"].GetString();
        ++pages;
    } while (!cursor.empty() && pages < 10);
    CHECK(next_seq == 7);
    CHECK(pages == 2);
    CHECK(sql(reads) == "read success,read success");
    CHECK(sql("SELECT head_seq FROM audit_heads WHERE entity_type = 'audit_log'") == "2");

    // The log of reads, and everything, are read like any chain.
    CHECK(as_admin("/audit-logs?entity_type=audit_log").json()["entries"].Size() == 3);
    CHECK(as_admin("/audit-logs").json()["entries"].Size() == 10);
    CHECK(as_admin("/audit-logs?entity_type=scene").json()["entries"].Empty());
    CHECK(api.metric("audit_entries_total") == 5);
}

TEST_CASE_METHOD(Fixture,
                 "who is no admin learns nothing, and the attempt is audited once a minute") {
    for (int i = 0; i < 3; ++i) {
        const Answer answer = api.client().get("/audit-logs", RunningApi::as(host));
        CHECK(answer.status == 403);
        CHECK(answer.error_code() == "forbidden");
    }
    CHECK(sql(reads) == "read failure");
}

TEST_CASE_METHOD(Fixture, "a refused look at the log does not silence a refused verification") {
    for (int i = 0; i < 2; ++i) {
        CHECK(api.client().get("/audit-logs", RunningApi::as(host)).status == 403);
        CHECK(api.client().get("/audit-logs/verify", RunningApi::as(host)).status == 403);
    }
    CHECK(sql(reads) == "read failure,verified failure");
}

TEST_CASE_METHOD(Fixture, "refused starts of streams are in the chain of what they were about") {
    const std::string scene = sql("SELECT id FROM scenes");
    const std::string body = "{\"scene_id\":\"" + scene + "\"}";
    auto client = api.client();
    CHECK(client.post("/streams", RunningApi::as(listener), body).status == 403);
    CHECK(client.post("/streams", RunningApi::as(host), body).status == 409);
    CHECK(client.post("/streams", RunningApi::as(host), body).status == 409);
    CHECK(sql("SELECT string_agg(entity_type || ' ' || action || ' ' || outcome, ',' ORDER BY seq)"
              " FROM audit_logs WHERE entity_id = '" +
              scene + "'") == "scene created failure,scene created failure");
    CHECK(audit({"verify"}).status == 0);
}

TEST_CASE_METHOD(Fixture, "an admin sees whether chains are sound") {
    post("/join", listener);
    const auto sound = as_admin("/audit-logs/verify?entity_id=" + id).json();
    CHECK(sound["sound"].GetBool());
    CHECK(sound["covered"]["chains"].GetInt64() == 1);
    CHECK(sound["covered"]["entries"].GetInt64() == 2);
    CHECK(sound["covered"]["complete"].GetBool());
    const auto all = as_admin("/audit-logs/verify").json();
    CHECK(all["sound"].GetBool());
    CHECK(all["covered"]["chains"].GetInt64() == 2);  // of the session, and of the reads

    sql("UPDATE audit_logs SET outcome = 'failure' WHERE entity_id = '" + id + "' AND seq = 2");
    for (const std::string& target :
         {std::string("/audit-logs/verify"), "/audit-logs/verify?entity_id=" + id}) {
        const auto broken = as_admin(target).json();
        CHECK_FALSE(broken["sound"].GetBool());
        REQUIRE(broken["findings"].Size() == 1);
        CHECK(broken["findings"][0]["entity_id"].GetString() == id);
        CHECK(broken["findings"][0]["seq"].GetInt64() == 2);
        CHECK(std::string(broken["findings"][0]["what"].GetString()) ==
              "the entry does not match its hash");
    }
    CHECK(as_admin("/audit-logs/verify?entity_id=" + uuid_v7().to_string()).status == 404);
}

TEST_CASE_METHOD(Fixture, "what is exported is verified elsewhere, without a database") {
    post("/join", listener);
    post("/leave", listener);
    const TemporaryDirectory directory;
    const std::string target = "/audit-logs?entity_id=" + id;
    const std::vector<std::pair<std::string, std::string>> exports{
        {"cli.jsonl", audit({"export", "--entity-id", id}).output},
        {"cli.csv", audit({"export", "--entity-id", id, "--format", "csv"}).output},
        {"http.jsonl", as_admin(target + "&format=jsonl").body},
        {"http.csv", as_admin(target + "&format=csv").body}};
    for (const auto& [name, text] : exports) {
        INFO(name << "\n" << text);
        const std::string file = directory.path() / name;
        std::ofstream(file, std::ios::binary) << text;
        const auto verify = [&file](const std::string& key, std::vector<std::string> more = {}) {
            std::vector<std::string> arguments{program("subcults-api"), "audit", "verify",
                                               "--export", file};
            arguments.insert(arguments.end(), more.begin(), more.end());
            Process process(std::move(arguments), {{"PRIVACY_HMAC_KEY", key}});
            return process.wait();
        };
        const std::string key(32, 'p');
        CHECK(verify(key) == 0);
        CHECK(verify(key, {"--entity-id", id}) == 0);
        CHECK(verify(key, {"--entity-id", uuid_v7().to_string()}) == 3);
        // Without the key nobody can tell.
        CHECK(verify(std::string(32, 'q')) == 3);

        // Without its end, without an entry before it, without anything.
        const auto end = text.rfind('\n', text.size() - 2) + 1;
        const auto last = text.rfind('\n', end - 2) + 1;
        std::ofstream(file, std::ios::binary) << text.substr(0, end);
        CHECK(verify(key) == 3);
        std::ofstream(file, std::ios::binary) << text.substr(0, last) << text.substr(end);
        CHECK(verify(key) == 1);
        std::ofstream(file, std::ios::binary) << text.substr(0, end - 5);
        CHECK(verify(key) == 3);
        std::ofstream(file, std::ios::binary | std::ios::trunc).close();
        CHECK(verify(key) == 3);

        std::string changed = text;
        const auto at = changed.find("joined");
        REQUIRE(at != std::string::npos);
        changed.replace(at, 6, "kicked");
        std::ofstream(file, std::ios::binary) << changed;
        CHECK(verify(key) == 1);
        // No secret and no person is in it.
        CHECK(text.find("did:") == std::string::npos);
        CHECK(text.find("pppppp") == std::string::npos);
    }
}

TEST_CASE_METHOD(Fixture, "pages over HTTP are one export, in either format") {
    for (int i = 0; i < 4; ++i)
        post("/join", listener);
    const TemporaryDirectory directory;
    const std::string file = directory.path() / "pages";
    for (const std::string format : {"csv", "jsonl"}) {
        INFO(format);
        std::string all;
        std::string first;
        std::string cursor;
        int pages = 0;
        do {
            const Answer answer =
                as_admin("/audit-logs?limit=2&entity_id=" + id + "&format=" + format +
                         (cursor.empty() ? "" : "&cursor=" + cursor));
            REQUIRE(answer.status == 200);
            all += answer.body;
            if (first.empty()) first = answer.body;
            cursor = answer.header("X-Next-Cursor");
            ++pages;
        } while (!cursor.empty() && pages < 10);
        CHECK(pages == 3);
        std::ofstream(file, std::ios::binary) << all;
        const auto whole = audit({"verify", "--export", file});
        INFO(whole.output);
        CHECK(whole.status == 0);
        CHECK(whole.output.find("1 chains, 5 entries") != std::string::npos);
        std::ofstream(file, std::ios::binary) << first;
        CHECK(audit({"verify", "--export", file}).status == 3);
    }
}

TEST_CASE_METHOD(Fixture, "a person is erased from the log, and the chains still verify") {
    post("/join", listener);
    const std::string guest = sql("SELECT participant_id FROM stream_participants");
    REQUIRE(
        api.client().post(path + "/participants/" + guest + "/kick", RunningApi::as(host)).status ==
        200);
    CHECK(sql("SELECT count(*) FROM audit_logs WHERE target IS NOT NULL") == "1");
    const auto erased = audit({"erase", "--did", listener});
    INFO(erased.output);
    CHECK(erased.status == 0);
    CHECK(erased.output.find("1 entries by this person and 1 about them") != std::string::npos);
    CHECK(erased.output.find("did:") == std::string::npos);
    CHECK(sql("SELECT string_agg(action, ',' ORDER BY seq) FROM audit_logs WHERE actor IS NULL AND"
              " nonce IS NULL") == "joined");
    CHECK(sql("SELECT count(*) FROM audit_logs WHERE target IS NOT NULL OR target_nonce IS NOT"
              " NULL") == "0");
    CHECK(sql("SELECT count(*) FROM audit_logs WHERE actor IS NOT NULL AND entity_id = '" + id +
              "'") == "2");  // the host's
    CHECK(sql(reads) == "erased success");
    // How many there were is in what the chain covers: one more is not theirs.
    CHECK(sql("SELECT request_id FROM audit_logs WHERE action = 'erased'") == "actors-1-targets-1");
    CHECK(audit({"verify"}).status == 0);
    REQUIRE(audit({"erase", "--did", listener}).status == 0);
    CHECK(sql("SELECT request_id FROM audit_logs WHERE action = 'erased' AND seq = 2") ==
          "actors-0-targets-0");
    sql("UPDATE audit_logs SET actor = NULL, nonce = NULL WHERE action = 'created'");
    const auto emptied = audit({"verify"});
    CHECK(emptied.status == 1);
    CHECK(emptied.output.find("entries without their actor: 2, but erasures tell of 1") !=
          std::string::npos);
}

TEST_CASE_METHOD(Fixture, "without its database nothing is read from the log, and nothing hangs") {
    sql("ALTER TABLE audit_heads RENAME TO elsewhere");
    const Answer answer = as_admin("/audit-logs");
    CHECK(answer.status == 503);
    CHECK(answer.error_code() == "unavailable");
    CHECK(answer.body.find("entries") == std::string::npos);
    sql("ALTER TABLE elsewhere RENAME TO audit_heads");
    eventually("it is read again", [this] { return as_admin("/audit-logs").status == 200; });
}
