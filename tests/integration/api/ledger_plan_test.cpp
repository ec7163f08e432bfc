// How PostgreSQL plans the ledger's statements: by key, whatever it knew of the tables when it made
// the plan. A plan from when a table was empty is used until the table is analysed again.
#include "support/postgres.hpp"

#include "streams/ledger_sql.hpp"

#include <rapidjson/document.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using namespace subcults;
using namespace subcults::test;

namespace {

// $1 to $n, counted by the highest.
int parameters_of(std::string_view sql) {
    int highest = 0;
    for (std::size_t at = sql.find('$'); at != std::string_view::npos; at = sql.find('$', at + 1)) {
        int number = 0;
        for (std::size_t i = at + 1; i < sql.size() && std::isdigit(sql[i]) != 0; ++i)
            number = number * 10 + (sql[i] - '0');
        highest = std::max(highest, number);
    }
    return highest;
}

// As the lanes have it planned: generically, with the same settings.
std::string plan_of(const TestDatabase& database, const db::Statement& statement) {
    std::string values;
    for (int i = 0; i < parameters_of(statement.sql); ++i)
        values += i == 0 ? "NULL" : ", NULL";
    std::string sql =
        "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;"
        " SET enable_memoize = off; SET jit = off; PREPARE examined AS ";
    sql += statement.sql;
    sql += "; EXPLAIN (FORMAT JSON) EXECUTE examined";
    if (!values.empty()) sql += "(" + values + ")";
    return database.execute(sql);
}

class Inspector {
  public:
    explicit Inspector(const TestDatabase& database) {
        std::istringstream names(
            database.execute("SELECT string_agg(conname, ' ') FROM pg_constraint"
                             " WHERE contype = 'p'"));
        for (std::string name; names >> name;)
            by_key_.insert(name);
        by_key_.insert("livekit_outbox_order");  // there is none by room but this
    }

    // What is wrong with the plan; empty = nothing.
    std::vector<std::string> inspect(const std::string& plan) {
        problems_.clear();
        scans_ = 0;
        rapidjson::Document document;
        document.Parse(plan.c_str());
        REQUIRE(document.IsArray());
        walk(document[0]["Plan"]);
        return problems_;
    }
    int scans() const noexcept { return scans_; }

  private:
    static std::string text(const rapidjson::Value& node, const char* name) {
        return node.HasMember(name) ? node[name].GetString() : "";
    }

    void walk(const rapidjson::Value& node) {
        const std::string type = text(node, "Node Type");
        const std::string index = text(node, "Index Name");
        if (type == "Seq Scan") problems_.push_back("walks " + text(node, "Relation Name"));
        if (!index.empty()) {
            ++scans_;
            if (by_key_.count(index) == 0) problems_.push_back("uses " + index);
            if (text(node, "Index Cond").empty()) problems_.push_back("walks all of " + index);
        }
        if (!node.HasMember("Plans")) return;
        for (const auto& child : node["Plans"].GetArray())
            walk(child);
    }

    std::set<std::string> by_key_;
    std::vector<std::string> problems_;
    int scans_ = 0;
};

void fill(const TestDatabase& database) {
    database.execute(R"sql(
CREATE TEMP TABLE made AS SELECT i, gen_random_uuid() AS id, 'user-' || md5(i::text) AS who,
    'room-' || i AS room FROM generate_series(1, 20000) i;
INSERT INTO stream_sessions (id, room_name, host_did, scene_id, started_at, head_at, kid)
    SELECT id, room, 'did:plc:host' || i, id, now(), now(), 1 FROM made;
INSERT INTO stream_rooms SELECT room, id FROM made;
INSERT INTO active_streams SELECT id, id FROM made;
INSERT INTO stream_participants (stream_session_id, participant_id) SELECT id, who FROM made;
INSERT INTO stream_participations (stream_session_id, participant_id, stay, joined_at)
    SELECT id, who, '2', now() FROM made;
INSERT INTO stream_bans SELECT id, who, now() FROM made;
INSERT INTO idempotency_keys SELECT id, decode(md5(who), 'hex'), '', 1, now() FROM made;
INSERT INTO audit_logs (entity_id, seq, entity_type, action, outcome, commitment, request_id,
    created_at, kid, hash)
    SELECT id, 1, 'stream_session', 'created', 'success', '', who, now(), 1, '' FROM made;
INSERT INTO livekit_outbox (stream_session_id, action, room_name, participant_id)
    SELECT id, 'remove_participant', room, who FROM made;
INSERT INTO scenes (id, uri, owner_did, rev, name)
    SELECT id, 'at://' || i, 'did:plc:host' || i, 'r', who FROM made;
INSERT INTO events (id, uri, author_did, rev, scene_id, title)
    SELECT gen_random_uuid(), 'at://e' || i, 'did:plc:host' || i, 'r', id, who FROM made;
INSERT INTO hidden_accounts SELECT 'did:plc:hidden' || i, 'takendown' FROM made;
)sql");
    database.execute("ANALYZE");
}

void inspect_all(const TestDatabase& database, const std::set<std::string_view>& exempt) {
    Inspector inspector(database);
    int scans = 0;
    for (const db::Statement& statement : api::ledger_sql::all) {
        if (exempt.count(statement.name) != 0) continue;
        const std::string plan = plan_of(database, statement);
        for (const std::string& problem : inspector.inspect(plan)) {
            FAIL_CHECK(statement.name << " " << problem << "\n" << plan);
        }
        scans += inspector.scans();
    }
    CHECK(scans >= 14);  // the look-ups among them; the others only insert
}

}  // namespace

TEST_CASE("the ledger finds everything by key, also with plans from when tables were empty") {
    const TestDatabase database = TestDatabase::migrated();
    database.execute("ANALYZE");
    // Who owns a subject is asked once per new session, not per join; its plan ripens with the
    // indexer's tables.
    inspect_all(database, {api::ledger_sql::subjects.name});
    fill(database);
    inspect_all(database, {});
}

TEST_CASE("a plan that walks a table is noticed, by its index as well as without one") {
    const TestDatabase database = TestDatabase::migrated();
    database.execute("ANALYZE");
    Inspector inspector(database);
    const db::Statement by_age{"by_age",
                               "SELECT 1 FROM idempotency_keys WHERE created_at > $1::timestamptz"};
    const db::Statement joined{"joined",
                               "UPDATE stream_sessions s SET join_count = u.n FROM"
                               " unnest($1::uuid[], $2::bigint[]) AS u(id, n) WHERE s.id = u.id"};
    const db::Statement walked{"walked", "SELECT count(*) FROM audit_logs WHERE request_id = $1"};
    for (const db::Statement& statement : {by_age, joined, walked}) {
        INFO(statement.name);
        CHECK(inspector.inspect(plan_of(database, statement)).size() >= 1);
    }
}
