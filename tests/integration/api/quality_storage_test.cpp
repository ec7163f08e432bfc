// What audio quality asks of its tables: which index finds what is new, and which partitions are
// made and dropped.
#include "support/postgres.hpp"

#include "quality/collector.hpp"
#include "quality/report_lane.hpp"
#include "quality/report_rows.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace subcults;
using namespace subcults::test;

namespace {

// A database with partitions for the present: the one it is a copy of may be hours old.
TestDatabase database_of_today() {
    TestDatabase database = TestDatabase::migrated();
    database.execute("SELECT quality_add_partitions(now())");
    return database;
}

const std::string session = "'0190b6a0-0000-7000-8000-000000000001'";

std::string text_of(std::string_view name) {
    for (const db::Statement& statement : api::quality::Collector::statements()) {
        if (statement.name == name) return std::string(statement.sql);
    }
    throw std::runtime_error("no such statement");
}

// As the pool has it planned: generically, with the same settings.
std::string plan_of(const TestDatabase& database, const std::string& sql,
                    const std::string& values) {
    return database.execute(
        "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;"
        " SET enable_bitmapscan = off; SET jit = off; PREPARE examined AS " +
        sql + "; EXPLAIN (FORMAT JSON) EXECUTE examined(" + values + ")");
}

const std::string insertion = std::string(api::quality::ReportBatch::insert_statement().sql);

// Of the insertion of reports, as their writer's connections have it planned.
std::string insertion_plan(const TestDatabase& database, const std::string& sql) {
    std::string script;
    for (const auto& [name, value] : api::quality::ReportLane::plan_settings())
        script += "SET " + name + " = " + value + "; ";
    script += "PREPARE examined AS " + sql +
              "; EXPLAIN (FORMAT JSON) EXECUTE examined(now(), now() - interval '1 hour'";
    for (int arrays = 0; arrays < 13; ++arrays)
        script += ", '{}'";
    return database.execute(script + ")");
}

// Stores one window of a participant as the writer would; whether it was new.
bool stored(const TestDatabase& database, int seq, const std::string& received_at,
            const std::string& measured_at) {
    return !database
                .execute("PREPARE stored AS " + insertion + "; EXECUTE stored('" + received_at +
                         "', '" + received_at + "'::timestamptz - interval '1 hour', ARRAY[" +
                         session + "]::uuid[], '{user-a}', '{" + std::to_string(seq) + "}', '{" +
                         measured_at +
                         "}', '{10000}', '{true}', '{false}', '{false}', '{null}', '{null}',"
                         " '{null}', '{null}', '{48.5}')")
                .empty();
}

// What makes up the name of each index of a partition of the reports that the plan uses: "pkey" or
// "received_at". The server shortens the latter's.
std::set<std::string> report_indexes(const std::string& plan) {
    const std::string label = "\"Index Name\": \"stream_quality_reports_";
    std::set<std::string> found;
    for (std::size_t at = plan.find(label); at != std::string::npos;
         at = plan.find(label, at + 1)) {
        const std::size_t begin = at + label.size();
        const std::string name = plan.substr(begin, plan.find('"', begin) - begin);
        if (name.find("_received_a") != std::string::npos) {
            found.insert("received_at");
        } else {
            found.insert(name.find("_pkey") != std::string::npos ? "pkey" : name);
        }
    }
    return found;
}

std::vector<std::string> partitions(const TestDatabase& database) {
    const std::string list = database.execute(
        "SELECT string_agg(c.relname, ' ' ORDER BY c.relname COLLATE \"C\") FROM pg_inherits i"
        " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent IN"
        " ('stream_quality_metrics'::regclass, 'stream_quality_reports'::regclass)");
    std::vector<std::string> names;
    for (std::size_t begin = 0; begin < list.size();) {
        const std::size_t end = std::min(list.find(' ', begin), list.size());
        names.push_back(list.substr(begin, end - begin));
        begin = end + 1;
    }
    return names;
}

bool has(const TestDatabase& database, const std::string& table) {
    return database.execute("SELECT to_regclass('" + table + "') IS NOT NULL") == "t";
}

}  // namespace

TEST_CASE("what is new is found by when it came, also with plans from when nothing was there") {
    const TestDatabase database = database_of_today();
    const std::string windows = text_of("quality_new_windows");
    const std::string sessions = text_of("quality_sessions_with_news");
    const std::string since = "now() - interval '10 minutes'";
    const std::string until = "now() + interval '2 minutes'";
    for (const bool analysed : {false, true}) {
        if (analysed) database.execute("ANALYZE");
        const std::string of_session =
            plan_of(database, windows, session + ", " + since + ", " + until);
        INFO(of_session);
        CHECK(report_indexes(of_session) == std::set<std::string>{"received_at"});
        const std::string of_all = plan_of(database, sessions, since + ", false, " + until);
        INFO(of_all);
        CHECK(report_indexes(of_all) == std::set<std::string>{"received_at"});
    }
    // It is the order that does it; without it the key looks as good as long as nothing is there.
    const std::size_t order = windows.find(" ORDER BY");
    REQUIRE(order != std::string::npos);
    const std::string unordered =
        plan_of(database, windows.substr(0, order), session + ", " + since + ", " + until);
    INFO(unordered);
    CHECK(report_indexes(unordered) == std::set<std::string>{"pkey"});
}

TEST_CASE(
    "whether a window is known is found by its key, also with plans from when nothing was there") {
    const TestDatabase database = database_of_today();
    const std::set<std::string> key{"pkey"};
    // Nobody has looked at the new partitions, then somebody has, then they fill with one session.
    const std::string young = insertion_plan(database, insertion);
    INFO(young);
    CHECK(report_indexes(young) == key);
    database.execute("ANALYZE");
    const std::string empty = insertion_plan(database, insertion);
    INFO(empty);
    CHECK(report_indexes(empty) == key);
    // It is the order that does it; without it the session alone looks as good.
    std::string unordered = insertion;
    const std::string order = " ORDER BY r.measured_at";
    const std::size_t at = unordered.find(order);
    REQUIRE(at != std::string::npos);
    unordered.erase(at, order.size());
    const std::string other = insertion_plan(database, unordered);
    INFO(other);
    CHECK(report_indexes(other) == std::set<std::string>{"received_at"});

    database.execute(
        "INSERT INTO stream_quality_reports (stream_session_id, participant_id, seq, measured_at,"
        " received_at, window_ms, uplink, muted, late) SELECT " +
        session +
        ", 'user-' || n % 100, n, now() - n * interval '5 ms', now(), 10000, true, false, false"
        " FROM generate_series(1, 20000) n");
    const std::string full = insertion_plan(database, insertion);
    INFO(full);
    CHECK(report_indexes(full) == key);
    database.execute("ANALYZE");
    const std::string analysed = insertion_plan(database, insertion);
    INFO(analysed);
    CHECK(report_indexes(analysed) == key);
}

TEST_CASE("a replay is known across midnight") {
    const TestDatabase database = TestDatabase::migrated();
    database.execute("SELECT quality_add_partitions('2031-05-02T00:05:00Z')");
    const std::string before = "2031-05-01T23:59:10Z";
    const std::string after = "2031-05-02T00:00:20Z";
    REQUIRE(stored(database, 7, "2031-05-01T23:59:30Z", before));
    CHECK(database.execute("SELECT count(*) FROM stream_quality_reports_2031050123") == "1");
    // The very same window, and its number with a time of the new day.
    CHECK_FALSE(stored(database, 7, "2031-05-02T00:00:30Z", before));
    CHECK_FALSE(stored(database, 7, "2031-05-02T00:00:30Z", after));
    CHECK(database.execute("SELECT count(*) FROM stream_quality_reports") == "1");
    CHECK(stored(database, 8, "2031-05-02T00:00:30Z", after));
    // The other way round, too: what comes late is of the day before.
    CHECK_FALSE(stored(database, 8, "2031-05-02T00:01:00Z", before));
    CHECK(database.execute("SELECT count(*) FROM stream_quality_reports_2031050200") == "1");
    CHECK(database.execute("SELECT count(*) FROM stream_quality_reports") == "2");
}

TEST_CASE("sessions whose last report came while they were collected have news") {
    const TestDatabase database = database_of_today();
    const std::string sessions = text_of("quality_sessions_with_news");
    database.execute(
        "INSERT INTO stream_sessions (id, room_name, host_did, scene_id, started_at, head_at, kid)"
        " VALUES (" +
        session + ", 'room', 'did:plc:host', gen_random_uuid(), now(), now(), 1)");
    const auto found = [&] {
        return database.execute(
            "PREPARE asked AS SELECT count(*) FROM (" + sessions +
            ") AS s; EXECUTE asked(now() - interval '10 minutes', false, now() + interval '2"
            " minutes')");
    };
    CHECK(found() == "0");
    database.execute(
        "INSERT INTO stream_quality_reports (stream_session_id, participant_id, seq, measured_at,"
        " received_at, window_ms, uplink, muted, late) VALUES (" +
        session + ", 'user-a', 1, now(), now(), 10000, true, false, false)");
    CHECK(found() == "1");
    const auto collected = [&](const std::string& seconds_later) {
        database.execute(
            "INSERT INTO stream_quality_collections SELECT stream_session_id, 1, received_at"
            " + interval '" +
            seconds_later +
            " s' FROM stream_quality_reports ON CONFLICT (stream_session_id)"
            " DO UPDATE SET collected_at = EXCLUDED.collected_at");
    };
    collected("-1");
    CHECK(found() == "1");
    // The report was stamped before, but may have been committed since.
    collected("1");
    CHECK(found() == "1");
    collected("60");
    CHECK(found() == "0");
    database.execute("UPDATE stream_sessions SET ended_at = now()");
    collected("-1");
    CHECK(found() == "0");
}

TEST_CASE("whichever partition is missing is made") {
    const TestDatabase database = TestDatabase::migrated();
    const std::string moment = "'2031-05-01T00:05:00Z'";
    const auto add = [&] {
        return database.execute("SELECT quality_add_partitions(" + moment + ")");
    };
    CHECK(add() == "11");
    CHECK(add() == "0");
    std::vector<std::string> there;
    for (const std::string& name : partitions(database)) {
        if (name.find("_20310") != std::string::npos) there.push_back(name);
    }
    REQUIRE(there.size() == 11);
    CHECK(there[0] == "stream_quality_metrics_20310430");
    CHECK(there[5] == "stream_quality_reports_2031043023");
    for (const std::string& name : there) {
        INFO(name);
        database.execute("DROP TABLE " + name);
        CHECK(add() == "1");
        CHECK(has(database, name));
    }
}

TEST_CASE("old reports are dropped before old measurements") {
    const TestDatabase database = TestDatabase::migrated();
    const std::string day = "stream_quality_metrics_20200101";
    const std::string hour = "stream_quality_reports_2020010200";
    database.execute(
        "SELECT quality_add_partition('stream_quality_metrics', '2020-01-01T00:00Z',"
        " interval '24 hours', 'YYYYMMDD')");
    database.execute(
        "SELECT quality_add_partition('stream_quality_reports', '2020-01-02T00:00Z',"
        " interval '1 hour', 'YYYYMMDDHH24')");
    const std::size_t before = partitions(database).size();
    const auto drop = [&] {
        return database.execute(
            "SELECT quality_drop_partition('2020-01-05T00:00Z', '2020-01-05T00:00Z')");
    };
    REQUIRE(has(database, day));
    REQUIRE(has(database, hour));
    CHECK(drop() == "1");
    CHECK(has(database, day));
    CHECK_FALSE(has(database, hour));
    CHECK(drop() == "1");
    CHECK_FALSE(has(database, day));
    CHECK(drop() == "0");
    CHECK(partitions(database).size() == before - 2);
}
