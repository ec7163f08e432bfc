// Whoever can write the database can do all this; `subcults-api audit verify` finds it.
#include "integration/api/running_api.hpp"

#include "audit/checkpoint.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <fstream>
#include <iterator>
#include <tuple>

using namespace subcults;
using namespace subcults::test;

namespace {

const std::string host = "did:plc:host";
const std::string listener = "did:plc:listener";

// A stream with created, joined, joined, left, and a kicked that is about somebody; its API makes a
// checkpoint every second.
struct Fixture {
    TemporaryDirectory directory;
    std::string file = directory.path() / "checkpoints";
    TestDatabase database = TestDatabase::migrated();
    RunningApi api{database.url(),
                   {{"AUDIT_CHECKPOINT_FILE", file}, {"AUDIT_CHECKPOINT_SECONDS", "1"}}};
    std::string id = create_stream(database, api, host);

    Fixture() {
        post("/join", listener);
        post("/join", listener);
        post("/leave", listener);
        const std::string guest = sql("SELECT participant_id FROM stream_participants");
        post("/participants/" + guest + "/kick", host);
    }

    void post(const std::string& what, const std::string& did) {
        REQUIRE(api.client().post("/streams/" + id + what, RunningApi::as(did)).status == 200);
    }
    std::string sql(const std::string& text) const { return database.execute(text); }
    std::string entry(int seq) const {
        return " WHERE entity_id = '" + id + "' AND seq = " + std::to_string(seq);
    }
    std::string covered(int seq) const {
        return sql("SELECT count(*) FROM audit_checkpoint_heads WHERE entity_id = '" + id +
                   "' AND seq = " + std::to_string(seq));
    }
    std::vector<std::string> lines() const {
        std::ifstream in(file);
        std::vector<std::string> found;
        for (std::string line; std::getline(in, line);)
            found.push_back(line);
        return found;
    }
    void write(const std::vector<std::string>& all) const {
        std::ofstream out(file, std::ios::trunc);
        for (const std::string& line : all)
            out << line << "\n";
    }
    // Ends the API, so that nobody changes what is being tampered with.
    void stop() {
        api.process().signal(SIGTERM);
        const int status = api.process().wait();
        INFO(api.process().output());
        REQUIRE(status == 0);
    }

    // The findings, a line each, with the session's id as "S"; the summary line is left out.
    std::string verify(std::vector<std::string> options = {}) const {
        std::vector<std::string> arguments{program("subcults-api"), "audit", "verify"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        Process process(std::move(arguments), {{"DATABASE_URL", database.url()},
                                               {"PRIVACY_HMAC_KEY", std::string(32, 'p')}});
        const int status = process.wait();
        std::string output = process.output();
        const auto summary = output.rfind('\n', output.size() - 2);
        const std::string last = summary == std::string::npos ? output : output.substr(summary + 1);
        const std::string verdict = last.substr(0, last.find(':'));
        CHECK(status == (verdict == "sound" ? 0 : verdict == "broken" ? 1 : 3));
        CHECK((status != 3 || verdict == "unverified"));
        output.resize(summary == std::string::npos ? 0 : summary + 1);
        for (auto at = output.find(id); at != std::string::npos; at = output.find(id))
            output.replace(at, id.size(), "S");
        return output;
    }
    std::string with_file() const { return verify({"--checkpoints", file}); }
};

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "an edit of any column of an entry is found") {
    // Before the first checkpoint has seen the chain there are the chain's own findings alone.
    stop();
    sql("DELETE FROM audit_checkpoint_heads");
    sql("DELETE FROM audit_checkpoints");
    REQUIRE(verify().empty());
    const std::string mismatch = "S 3 the entry does not match its hash\n";
    const std::vector<std::pair<std::string, std::string>> edits{
        {"entity_type = 'scene'", mismatch},
        {"action = 'left'", mismatch},
        {"outcome = 'failure'", mismatch},
        {"request_id = 'another'", mismatch},
        {"created_at = created_at + interval '1 microsecond'", mismatch},
        {"hash = sha256(hash)", mismatch},
        {"kid = kid + 1", "S 3 the entry was made with a privacy key that is not configured\n"},
        {"commitment = substr(commitment, 2)", "S 3 the entry has columns of a wrong shape\n"},
        {"commitment = substr(sha256(commitment), 1, 16)",
         mismatch + "S 3 the entry's actor does not match its commitment\n"},
        {"actor = substr(sha256(actor), 1, 16)",
         "S 3 the entry's actor does not match its commitment\n"},
        {"nonce = substr(sha256(nonce), 1, 16)",
         "S 3 the entry's actor does not match its commitment\n"},
        {"nonce = NULL", "S 3 the entry's actor is there in part only\n"}};
    sql("CREATE TABLE kept AS SELECT * FROM audit_logs");
    for (const auto& [edit, finding] : edits) {
        INFO(edit);
        sql("UPDATE audit_logs SET " + edit + entry(3));
        CHECK(verify() == finding);
        CHECK(verify({"--entity-id", id}) == finding);
        sql("DELETE FROM audit_logs");
        sql("INSERT INTO audit_logs SELECT * FROM kept");
    }
    for (const char* column : {"target", "target_nonce"}) {
        INFO(column);
        const std::string name(column);
        sql("UPDATE audit_logs SET " + name + " = substr(sha256(" + name + "), 1, 16)" + entry(5));
        CHECK(verify() == "S 5 the entry's target does not match its commitment\n");
        sql("DELETE FROM audit_logs");
        sql("INSERT INTO audit_logs SELECT * FROM kept");
    }
    // As if it had had a target that has been erased.
    sql("UPDATE audit_logs SET version = 2" + entry(3));
    const std::string shape = "S 3 the entry has columns of a wrong shape\n";
    CHECK(verify({"--entity-id", id}) == shape);
    CHECK(verify() == shape + "- - entries without their target: 1, but erasures tell of 0\n");
    sql("DELETE FROM audit_logs");
    sql("INSERT INTO audit_logs SELECT * FROM kept");
    CHECK(verify().empty());
}

TEST_CASE_METHOD(Fixture, "deletion, swapping and putting back are found") {
    stop();
    sql("DELETE FROM audit_checkpoint_heads");
    sql("DELETE FROM audit_checkpoints");
    SECTION("one in the middle") {
        sql("DELETE FROM audit_logs" + entry(3));
        CHECK(verify() == "S 3 entry 3 is missing\n");
    }
    SECTION("the last one") {
        sql("DELETE FROM audit_logs" + entry(5));
        CHECK(verify() == "S 5 entry 5 is missing: the chain was cut off\n");
    }
    SECTION("all of them") {
        sql("DELETE FROM audit_logs WHERE entity_id = '" + id + "'");
        CHECK(verify() == "S 1 entries 1 to 5 are missing: the chain was cut off\n");
    }
    SECTION("the session") {
        sql("DELETE FROM stream_sessions");
        CHECK(verify() == "S - the chain has entries, but nothing knows of it\n");
    }
    SECTION("two swapped") {
        sql("UPDATE audit_logs SET seq = 100" + entry(2));
        sql("UPDATE audit_logs SET seq = 2" + entry(3));
        sql("UPDATE audit_logs SET seq = 3" + entry(100));
        const std::string what = " the entry does not match its hash\n";
        CHECK(verify() == "S 2" + what + "S 3" + what + "S 4" + what);
    }
    SECTION("a copy put in at the end, with a head that fits") {
        sql("INSERT INTO audit_logs SELECT entity_id, 6, entity_type, action, outcome, actor, "
            "nonce,"
            " commitment, request_id, created_at, kid, hash FROM audit_logs" +
            entry(4));
        sql("UPDATE stream_sessions SET head_seq = 6, head_hash = (SELECT hash FROM audit_logs" +
            entry(6) + ")");
        CHECK(verify() == "S 6 the entry does not match its hash\n");
    }
    SECTION("cut off with the head, but not with the counts") {
        sql("DELETE FROM audit_logs WHERE entity_id = '" + id + "' AND seq > 2");
        sql("UPDATE stream_sessions SET head_seq = 2, (head_hash, head_at) ="
            " (SELECT hash, created_at FROM audit_logs" +
            entry(2) + ")");
        CHECK(verify() ==
              "S - join_count is 2, but the chain tells of 1\n"
              "S - leave_count is 1, but the chain tells of 0\n");
    }
}

TEST_CASE_METHOD(Fixture, "a chain that is cut off with head and counts is found by a checkpoint") {
    eventually("a checkpoint covers it", [this] { return covered(5) == "1"; });
    stop();
    REQUIRE(with_file().empty());
    const auto forge = [this] {
        sql("DELETE FROM audit_logs WHERE entity_id = '" + id + "' AND seq > 2");
        sql("UPDATE stream_sessions SET join_count = 1, leave_count = 0, head_seq = 2,"
            " (head_hash, head_at) = (SELECT hash, created_at FROM audit_logs" +
            entry(2) + ")");
    };
    forge();
    for (const std::vector<std::string>& options :
         {std::vector<std::string>{}, std::vector<std::string>{"--entity-id", id}}) {
        CHECK(contains(verify(options), "S 5 checkpoint "));
        CHECK(contains(verify(options), " knows this entry, but it is gone\n"));
    }
    {
        RunningApi again(database.url());
        for (const std::string& target :
             {std::string("/audit-logs/verify"), "/audit-logs/verify?entity_id=" + id}) {
            const Answer answer = again.client().get(
                target,
                {{"Authorization", "Bearer " + RunningApi::token("did:plc:admin", "admin")}});
            REQUIRE(answer.status == 200);
            CHECK(contains(answer.body, "knows this entry, but it is gone"));
            CHECK(contains(answer.body, "\"sound\":false"));
        }
    }
    // Nor does it help to leave nothing of it.
    sql("CREATE TABLE kept AS SELECT * FROM audit_logs WHERE entity_id = '" + id + "'");
    sql("CREATE TABLE kept_sessions AS SELECT * FROM stream_sessions");
    sql("DELETE FROM audit_logs WHERE entity_id = '" + id + "'");
    sql("DELETE FROM stream_sessions");
    CHECK(contains(verify({"--entity-id", id}), "S 5 checkpoint "));
    sql("INSERT INTO audit_logs SELECT * FROM kept");
    sql("INSERT INTO stream_sessions SELECT * FROM kept_sessions");
    // What the checkpoints list cannot be mended without their key either.
    sql("DELETE FROM audit_checkpoint_heads WHERE entity_id = '" + id + "' AND seq > 2");
    CHECK(contains(verify(), "- - the heads listed for checkpoint "));
}

TEST_CASE_METHOD(Fixture, "emptying an actor or a target without an erasure is found") {
    stop();
    REQUIRE(verify().empty());
    sql("UPDATE audit_logs SET actor = NULL, nonce = NULL" + entry(3));
    const std::string actors = "- - entries without their actor: 1, but erasures tell of 0\n";
    CHECK(verify() == actors);
    sql("UPDATE audit_logs SET target = NULL, target_nonce = NULL" + entry(5));
    CHECK(verify() == actors + "- - entries without their target: 1, but erasures tell of 0\n");
}

TEST_CASE_METHOD(Fixture, "a head row with another time or type, or a second one, is found") {
    const std::string scene = sql("SELECT id FROM scenes");
    REQUIRE(api.client()
                .post("/streams", RunningApi::as(listener), "{\"scene_id\":\"" + scene + "\"}")
                .status == 403);
    stop();
    REQUIRE(verify().empty());
    SECTION("a time that keeps the chain out of checkpoints") {
        sql("UPDATE stream_sessions SET head_at = '2000-01-01'");
        const std::string found = "S 5 the head's time is not that of the chain's last entry\n";
        CHECK(verify() == found);
        CHECK(verify({"--entity-id", id}) == found);
    }
    SECTION("of another type") {
        sql("UPDATE audit_heads SET entity_type = 'event' WHERE entity_type = 'scene'");
        const std::string found =
            scene + " 1 the head is of another type of entity than the chain's last entry\n";
        CHECK(verify() == found);
        CHECK(verify({"--entity-id", scene}) == found);
    }
    SECTION("a second one") {
        sql("INSERT INTO audit_heads (entity_id, entity_type, head_seq, head_hash, head_at)"
            " SELECT id, 'stream_session', head_seq, head_hash, head_at FROM stream_sessions");
        const std::string found = "S - more than one row claims to know the chain's end\n";
        CHECK(verify() == found);
        CHECK(verify({"--entity-id", id}) == found);
    }
}

TEST_CASE_METHOD(Fixture, "a chain is not hidden from checkpoints by a head that was put there") {
    eventually("a checkpoint covers it", [this] { return covered(5) == "1"; });
    sql("INSERT INTO audit_checkpoint_heads (entity_id, seq, number, hash) VALUES ('" + id +
        "', 9000000000000000000, 1000000000000, ''), ('" + id + "', 6, 1000000000000, '')");
    post("/join", host);
    eventually("a checkpoint covers what came later", [this] { return covered(6) == "2"; });
    stop();
    const std::string found =
        " the entry is listed for checkpoint 1000000000000, which does not"
        " exist\n";
    CHECK(verify() == "S 6" + found + "S 9000000000000000000" + found);
    CHECK(verify({"--entity-id", id}) == "S 6" + found + "S 9000000000000000000" + found);
    sql("DELETE FROM audit_checkpoint_heads WHERE number = 1000000000000");
    CHECK(with_file().empty());
}

TEST_CASE_METHOD(Fixture, "a chain that no checkpoint knows though it is old enough is found") {
    stop();
    sql("DELETE FROM audit_checkpoint_heads");
    sql("DELETE FROM audit_checkpoints");
    // As if the chain had been kept out of sight for two days and put back afterwards.
    api::PrivacyKeys keys({Secret(std::string(32, 'p'))});
    const UnixMicros later{now_micros().value + 2 * api::checkpoint_margin_us};
    const api::Checkpoint made = api::make_checkpoint(keys, nullptr, later, {});
    const auto bytes = [](const std::string& value) { return "'\\x" + hex(value) + "'"; };
    sql("INSERT INTO audit_checkpoints VALUES (1, '" + format_rfc3339(made.at) + "', 0, " +
        bytes(made.root) + ", " + bytes(made.previous_root) + ", " + std::to_string(made.kid) +
        ", " + bytes(made.signature) + ")");
    CHECK(verify() ==
          "S 5 no checkpoint knows the chain's last entry, which is old enough for one\n");
}

TEST_CASE_METHOD(Fixture, "no checkpoint follows one that is not ours, and that is reported") {
    eventually("a checkpoint was exported",
               [this] { return covered(5) == "1" && !lines().empty(); });
    const auto failures = [this] { return api.metric("audit_checkpoint_failures_total"); };
    REQUIRE(failures() == 0);
    const auto plant = [this](const std::string& at, const std::string& kid) {
        sql("INSERT INTO audit_checkpoints SELECT 9223372036854775807, '" + at +
            "'::timestamptz, heads, root, previous_root, " + kid +
            ", signature FROM audit_checkpoints ORDER BY number LIMIT 1");
    };
    const std::string wrong = "an audit checkpoint in the database has a wrong signature";
    const std::string unknown =
        "an audit checkpoint was signed with a privacy key that is not configured";
    double before = 0;
    for (const auto& [at, kid, said] :
         {std::tuple{"infinity", "kid", wrong}, std::tuple{"-infinity", "kid", wrong},
          std::tuple{"now", "kid + 1", unknown}}) {
        INFO(at << " " << kid);
        before = failures();
        plant(at, kid);
        eventually("it is reported", [&] { return failures() > before; });
        const std::string expected = said;
        eventually("it is logged", [&] { return contains(api.process().output(), expected); });
        sql("DELETE FROM audit_checkpoints WHERE number = 9223372036854775807");
    }
    // Nothing of it was exported, and afterwards all is as before.
    const std::size_t exported = lines().size();
    post("/join", host);
    eventually("the next one is exported",
               [&] { return covered(6) == "1" && lines().size() > exported; });
    stop();
    CHECK(with_file().empty());
}

TEST_CASE("a backlog of checkpoints does not hold up the end of the process") {
    const TestDatabase database = TestDatabase::migrated();
    database.execute(
        "INSERT INTO audit_heads (entity_id, entity_type, head_seq, head_hash, head_at)"
        " SELECT gen_random_uuid(), 'scene', 1, sha256(n::text::bytea), now()"
        " FROM generate_series(1, 25000) n");
    const auto checkpoints = [&database] {
        return database.execute(
            "SELECT count(*) || ' ' || coalesce(sum(heads), 0) FROM audit_checkpoints");
    };
    for (const char* expected : {"1 10000", "2 20000", "3 25000"}) {
        // With an interval of a day, the only checkpoint is the one at the end.
        RunningApi api(database.url(), {{"AUDIT_CHECKPOINT_SECONDS", "86400"}});
        api.process().signal(SIGTERM);
        REQUIRE(api.process().wait() == 0);
        CHECK(checkpoints() == expected);
    }
}

TEST_CASE_METHOD(Fixture, "a whole database that was set back is found by the exported file") {
    eventually("a checkpoint was exported",
               [this] { return covered(5) == "1" && !lines().empty(); });
    sql("CREATE SCHEMA before");
    const std::vector<std::string> tables{"audit_logs", "audit_heads", "audit_checkpoints",
                                          "audit_checkpoint_heads", "stream_sessions"};
    for (const std::string& table : tables)
        sql("CREATE TABLE before." + table + " AS SELECT * FROM public." + table);
    const std::size_t kept =
        static_cast<std::size_t>(std::stoul(sql("SELECT count(*) FROM before.audit_checkpoints")));
    post("/join", host);
    eventually("a later checkpoint was exported", [this] { return covered(6) == "1"; });
    stop();
    REQUIRE(lines().size() > kept);
    REQUIRE(with_file().empty());
    for (const std::string& table : tables) {
        sql("DELETE FROM public." + table);
        sql("INSERT INTO public." + table + " SELECT * FROM before." + table);
    }
    CHECK(verify().empty());  // nothing inside tells
    const std::string found = with_file();
    CHECK(contains(found, "checkpoint " + std::to_string(kept + 1) + " ("));
    CHECK(contains(found,
                   "was exported, but is not in the database, which was set back to an "
                   "older state\n"));
}

TEST_CASE_METHOD(Fixture, "a line that was changed or taken out of the checkpoint file is found") {
    eventually("a checkpoint was exported",
               [this] { return covered(5) == "1" && !lines().empty(); });
    for (int i = 0; i < 2; ++i) {
        const auto before = lines().size();
        post("/join", host);
        eventually("another one", [&] { return lines().size() > before; });
    }
    stop();
    REQUIRE(with_file().empty());
    const std::vector<std::string> all = lines();
    REQUIRE(all.size() >= 3);
    std::vector<std::string> other = all;
    other.erase(other.begin() + 1);
    write(other);
    CHECK(with_file() == "- - line 2 of the checkpoint file has checkpoint 3 after 1\n");
    other = all;
    const auto at = other[1].find("\"root\":\"") + 8;
    other[1][at] = other[1][at] == '0' ? '1' : '0';
    write(other);
    CHECK(with_file() == "- - line 2 of the checkpoint file has a wrong signature\n");
}

TEST_CASE_METHOD(Fixture,
                 "a checkpoint is made at the end, and a torn line of the file is mended") {
    eventually("a checkpoint was exported",
               [this] { return covered(5) == "1" && !lines().empty(); });
    std::ofstream(file, std::ios::app) << "{\"number\":";
    post("/join", host);
    stop();
    CHECK(covered(6) == "1");
    CHECK(contains(api.process().output(), "\"event\":\"audit checkpoint\""));
    CHECK(with_file().empty());
    CHECK(std::to_string(lines().size()) == sql("SELECT count(*) FROM audit_checkpoints"));
}
