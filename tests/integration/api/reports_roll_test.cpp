// Reports: equal to an independent calculation, the same however often they are computed, and right
// in the end when something comes late.
#include "jobs/job.hpp"
#include "reports/report_roller.hpp"
#include "support/asio_test.hpp"
#include "support/postgres.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

using namespace subcults;
using namespace subcults::test;
namespace asio = boost::asio;

namespace {

constexpr std::int64_t hour_us = 3'600'000'000;
constexpr std::int64_t open_end = 1'000'000 * hour_us;
const std::string everybody = "00000000-0000-0000-0000-000000000000";

struct Stay {
    int who = 0;
    std::int64_t from = 0;
    std::int64_t to = open_end;  // open_end = not known to have ended
};
struct Act {
    std::int64_t at = 0;
    std::string action;
    bool allowed = true;
};
struct Sample {
    std::int64_t at = 0;
    double jitter = 0;
};
struct Session {
    std::string id;
    std::string scene;  // empty = none that is known
    std::int64_t from = 0;
    std::int64_t to = open_end;  // open_end = live
    std::vector<Stay> stays;
    std::vector<Act> acts;  // by time
    std::vector<Sample> samples;
};

struct Numbers {
    std::int64_t sessions = 0;
    std::int64_t started = 0;
    std::int64_t joins = 0;
    std::int64_t leaves = 0;
    std::int64_t people = 0;
    std::int64_t at_least = 0;
    std::int64_t listening = 0;
    std::vector<double> jitters;
};

std::string time_sql(std::int64_t us) {
    if (us == open_end) return "NULL";
    return "timestamptz 'epoch' + interval '1 microsecond' * " + std::to_string(us);
}

// Within the hours before `end`, overlapping in every way.
std::vector<Session> random_sessions(std::uint64_t seed, std::int64_t end) {
    std::mt19937_64 random(seed);
    const auto below = [&](std::int64_t n) {
        return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
    };
    const auto any_uuid = [&] {
        Uuid id;
        for (auto& byte : id.bytes)
            byte = static_cast<std::uint8_t>(below(256));
        return id.to_string();
    };
    std::vector<std::string> scenes;
    for (int i = 0; i < 5; ++i)
        scenes.push_back(any_uuid());
    std::vector<Session> sessions;
    for (int i = 0; i < 30; ++i) {
        Session session;
        session.id = any_uuid();
        if (i % 6 != 0) session.scene = scenes[static_cast<std::size_t>(below(5))];
        session.from = end - hour_us - below(50 * hour_us);
        // Some begin and end on the hour, and some end as they begin.
        if (i % 5 == 0) session.from -= session.from % hour_us;
        if (i % 7 != 0) session.to = std::min(end - 1, session.from + below(6 * hour_us));
        if (i % 10 == 0 && session.to != open_end) session.to = session.from + hour_us;
        if (i == 13) session.to = session.from;
        const std::int64_t until = std::min(session.to, end);
        const std::int64_t length = std::max<std::int64_t>(1, until - session.from);
        for (std::int64_t n = below(40); n > 0; --n) {
            Stay stay;
            stay.who = static_cast<int>(below(12));
            stay.from = session.from + below(length);
            if (below(5) != 0) stay.to = std::min(end, stay.from + below(2 * hour_us));
            session.stays.push_back(stay);
            Sample sample;
            sample.at = session.from + below(length);
            sample.jitter = static_cast<double>(below(500)) / 10;
            session.samples.push_back(sample);
        }
        std::int64_t at = session.from;
        for (std::int64_t n = below(60); n > 0; --n) {
            at += 1 + below(length / 40 + 1);
            if (at >= until) break;
            Act act;
            act.at = at;
            act.action = below(4) == 0 ? "left" : below(4) == 0 ? "token_issued" : "joined";
            act.allowed = below(6) != 0;
            session.acts.push_back(act);
        }
        sessions.push_back(std::move(session));
    }
    return sessions;
}

void insert(const TestDatabase& database, const std::vector<Session>& sessions) {
    std::ostringstream sql;
    for (const Session& session : sessions) {
        const std::string scene = session.scene.empty() ? "NULL" : "'" + session.scene + "'";
        const std::int64_t head = session.acts.empty() ? session.from : session.acts.back().at;
        sql << "INSERT INTO stream_sessions (id, room_name, host_did, event_id, started_at,"
               " ended_at, head_seq, head_at, kid, hosting_scene_id) VALUES ('"
            << session.id << "','room','did:plc:h',gen_random_uuid()," << time_sql(session.from)
            << "," << time_sql(session.to) << "," << session.acts.size() << "," << time_sql(head)
            << ",1," << scene << ");";
        int number = 0;
        for (const Stay& stay : session.stays) {
            sql << "INSERT INTO stream_participations VALUES ('" << session.id << "','user-"
                << stay.who << "','" << ++number << "'," << time_sql(stay.from) << ","
                << time_sql(stay.to) << ");";
        }
        number = 0;
        for (const Act& act : session.acts) {
            sql << "INSERT INTO audit_logs (entity_id, seq, entity_type, action, outcome,"
                   " commitment, request_id, created_at, kid, hash) VALUES ('"
                << session.id << "'," << ++number << ",'stream_session','" << act.action << "','"
                << (act.allowed ? "success" : "failure") << "','','r'," << time_sql(act.at)
                << ",1,'');";
        }
        for (const Sample& sample : session.samples) {
            sql << "INSERT INTO stream_quality_metrics (stream_session_id, participant_id,"
                   " jitter_ms, measured_at) VALUES ('"
                << session.id << "','user-1'," << sample.jitter << "," << time_sql(sample.at)
                << ");";
        }
    }
    database.execute(sql.str());
}

// Microsecond by microsecond would be truest; the edges of everybody's stays will do.
std::int64_t heard(const std::vector<Stay>& stays, std::int64_t from, std::int64_t to) {
    std::vector<std::int64_t> edges{from, to};
    for (const Stay& stay : stays) {
        for (const std::int64_t edge : {stay.from, stay.to})
            if (edge > from && edge < to) edges.push_back(edge);
    }
    std::sort(edges.begin(), edges.end());
    std::int64_t total = 0;
    for (std::size_t i = 1; i < edges.size(); ++i) {
        const bool present = std::any_of(stays.begin(), stays.end(), [&](const Stay& stay) {
            return stay.from <= edges[i - 1] && stay.to >= edges[i];
        });
        if (present) total += edges[i] - edges[i - 1];
    }
    return total;
}

void add(Numbers& to, const Session& session, std::int64_t from, std::int64_t until) {
    const auto within = [&](std::int64_t at) { return at >= from && at < until; };
    ++to.sessions;
    if (session.from >= from) ++to.started;
    for (const Act& act : session.acts) {
        if (!act.allowed || !within(act.at)) continue;
        if (act.action == "joined") ++to.joins;
        if (act.action == "left") ++to.leaves;
    }
    std::map<int, std::vector<Stay>> people;
    for (Stay stay : session.stays) {
        stay.to = std::max(stay.from, std::min(stay.to, session.to));
        if (stay.from >= until || stay.from > session.to) continue;
        if (stay.to > from || stay.from >= from) people[stay.who].push_back(stay);
    }
    for (const auto& [who, stays] : people)
        to.listening += heard(stays, from, until);
    const auto count = static_cast<std::int64_t>(people.size());
    to.people += count;
    to.at_least = std::max(to.at_least, count);
    for (const Sample& sample : session.samples)
        if (within(sample.at)) to.jitters.push_back(sample.jitter);
}

std::map<std::string, Numbers> expected(const std::vector<Session>& sessions, std::int64_t from,
                                        std::int64_t until) {
    std::map<std::string, Numbers> numbers;
    for (const Session& session : sessions) {
        if (session.from >= until) continue;
        if (session.to <= from && session.from < from) continue;
        add(numbers[everybody], session, from, until);
        if (!session.scene.empty()) add(numbers[session.scene], session, from, until);
    }
    return numbers;
}

double percentile(std::vector<double> values, double share) {
    std::sort(values.begin(), values.end());
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(std::floor(place));
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (values[above] - values[below]) * (place - std::floor(place));
}

std::string in_words(const std::map<std::string, Numbers>& numbers) {
    std::ostringstream text;
    text.precision(10);
    for (const auto& [scene, n] : numbers) {
        text << scene << " " << n.sessions << " " << n.started << " " << n.joins << " " << n.leaves
             << " " << n.people << " " << n.at_least << " " << n.listening << " "
             << n.jitters.size() << ";";
    }
    return text.str();
}

struct Fixture {
    TestDatabase database = TestDatabase::migrated();
    Log log{"reports", LogLevel::off};

    Fixture() {
        database.execute(
            "INSERT INTO background_jobs (job_type, epoch) VALUES"
            " ('report_generation', 1)");
        database.execute(
            "SELECT count(quality_add_partition('stream_quality_metrics',"
            " date_trunc('day', now(), 'UTC') - i * interval '24 hours',"
            " interval '24 hours', 'YYYYMMDD')) FROM generate_series(0, 5) i");
    }
    std::size_t roll(jobs::Cause cause = jobs::Cause::schedule, std::int64_t epoch = 1) {
        const Deadline limit = deadline_in(std::chrono::seconds(50));
        jobs::Run run("report_generation", epoch, cause, limit);
        test::run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
            db::PoolOptions options;
            options.connection.uri = database.url();
            options.connection.application_name = "reports_roll_test";
            options.connection.statements = jobs::fence_statements();
            for (const db::Statement& statement : api::reports::ReportRoller::statements())
                options.connection.statements.push_back(statement);
            options.size = 1;
            db::Pool pool(executor, options);
            pool.start();
            api::reports::ReportRoller roller(pool, log);
            co_await roller.run(run);
            pool.stop();
        });
        return run.failures().size();
    }
    std::string sql(const std::string& query) const { return database.execute(query); }
    // The end of the last full hour, by the database's clock.
    std::int64_t full_hour() const {
        return std::stoll(
            sql("SELECT (extract(epoch FROM date_trunc('hour', now(), 'UTC'))"
                " * 1000000)::bigint"));
    }
    std::string stored(const std::string& period, std::int64_t from) const {
        return sql(
            "SELECT coalesce(string_agg(concat_ws(' ', scene_id, sessions,"
            " sessions_started, joins, leaves, unique_participants,"
            " unique_participants_at_least, listening_us, quality_samples) || ';', ''"
            " ORDER BY scene_id), '') FROM stream_reports WHERE period = '" +
            period + "' AND starts_at = " + time_sql(from));
    }
    std::string everything() const {
        return sql("SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM stream_reports t");
    }
    // As if the hours had last been computed two minutes after their end.
    void forget_rolls() const {
        sql("UPDATE stream_report_periods SET rolled_at = starts_at + interval '62 minutes'"
            " WHERE period = 'hour'");
    }
    // A session of one scene, two to three hours ago, with one person for ten minutes.
    std::string one_session(std::int64_t began) const {
        Session session;
        session.id = "01a202ec-848e-79a5-8d35-4ed1f807e177";
        session.scene = "6f1c7b52-6f0e-5d3a-9c1b-2a4e8d7f3b10";
        session.from = began;
        session.to = began + hour_us / 2;
        Stay stay;
        stay.from = began;
        stay.to = began + hour_us / 6;
        session.stays.push_back(stay);
        for (const double jitter : {10.0, 20.0, 30.0}) {
            Sample sample;
            sample.at = began + 1;
            sample.jitter = jitter;
            session.samples.push_back(sample);
        }
        insert(database, {session});
        return session.id;
    }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "reports equal an independent calculation over random sessions") {
    const std::uint64_t seed = GENERATE(1, 2, 20'261'122);
    INFO("seed " << seed);
    const std::int64_t end = full_hour();
    const auto sessions = random_sessions(seed, end);
    insert(database, sessions);
    REQUIRE(roll() == 0);
    int compared = 0;
    int busy = 0;
    for (const auto& [period, width] :
         {std::pair<std::string, std::int64_t>("hour", hour_us),
          std::pair<std::string, std::int64_t>("day", 24 * hour_us)}) {
        std::istringstream starts(sql(
            "SELECT coalesce(string_agg((extract(epoch FROM starts_at) * 1000000)::bigint::text,"
            " ' '), '') FROM stream_report_periods WHERE period = '" +
            period + "'"));
        for (std::int64_t from = 0; starts >> from; ++compared) {
            INFO(period << " from " << from);
            const auto numbers = expected(sessions, from, from + width);
            CHECK(stored(period, from) == in_words(numbers));
            if (numbers.empty()) continue;
            ++busy;
            const auto& jitters = numbers.at(everybody).jitters;
            const std::string jitter =
                sql("SELECT jitter_ms_p95 FROM stream_reports WHERE scene_id = '" + everybody +
                    "' AND period = '" + period + "' AND starts_at = " + time_sql(from));
            if (jitters.empty()) {
                CHECK(jitter.empty());
            } else {
                CHECK(std::stod(jitter) == Approx(percentile(jitters, 0.95)));
            }
        }
    }
    CHECK(compared >= 30);
    CHECK(busy >= 20);
}

TEST_CASE_METHOD(Fixture, "computing a period again gives the same row and does not touch it") {
    insert(database, random_sessions(5, full_hour()));
    REQUIRE(roll() == 0);
    const std::string first = everything();
    REQUIRE(roll(jobs::Cause::request) == 0);
    CHECK(everything() == first);
    CHECK(sql("SELECT max(rolls) FROM stream_report_periods") == "2");
    CHECK(sql("SELECT max(revision) FROM stream_reports") == "1");
}

TEST_CASE_METHOD(Fixture, "what comes late is found when the period is looked at again") {
    const std::int64_t began = full_hour() - 3 * hour_us;
    const std::string session = one_session(began);
    REQUIRE(roll() == 0);
    const auto listening = [&] {
        return sql(
            "SELECT listening_us || ' ' || revision FROM stream_reports WHERE"
            " period = 'hour' AND scene_id <> '" +
            everybody + "'");
    };
    REQUIRE(listening() == std::to_string(hour_us / 6) + " 1");
    sql("UPDATE stream_participations SET left_at = left_at + interval '10 minutes'");
    // It has just been looked at.
    REQUIRE(roll() == 0);
    CHECK(listening() == std::to_string(hour_us / 6) + " 1");
    forget_rolls();
    REQUIRE(roll() == 0);
    CHECK(listening() == std::to_string(hour_us / 3) + " 2");
    CHECK(sql("SELECT rolls FROM stream_report_periods WHERE period = 'hour' AND starts_at = " +
              time_sql(began)) == "2");
    // Three days after its end nothing is expected any more, but on request.
    sql("UPDATE stream_report_periods SET rolled_at = starts_at + interval '74 hours'");
    sql("UPDATE stream_participations SET left_at = left_at - interval '10 minutes'");
    REQUIRE(roll() == 0);
    CHECK(listening() == std::to_string(hour_us / 3) + " 2");
    REQUIRE(roll(jobs::Cause::request) == 0);
    CHECK(listening() == std::to_string(hour_us / 6) + " 3");
}

TEST_CASE_METHOD(Fixture, "a session that is moved or removed takes its reports with it") {
    const std::int64_t began = full_hour() - 4 * hour_us;
    one_session(began);
    REQUIRE(roll() == 0);
    REQUIRE_FALSE(stored("hour", began).empty());
    SECTION("moved to a later hour") {
        sql("UPDATE stream_sessions SET started_at = started_at + interval '1 hour',"
            " ended_at = ended_at + interval '1 hour'");
        REQUIRE(roll(jobs::Cause::request) == 0);
        CHECK_FALSE(stored("hour", began + hour_us).empty());
    }
    SECTION("attributed to no scene") {
        sql("UPDATE stream_sessions SET hosting_scene_id = NULL");
        REQUIRE(roll(jobs::Cause::request) == 0);
        CHECK(sql("SELECT string_agg(DISTINCT scene_id::text, ',') FROM stream_reports") ==
              everybody);
        return;
    }
    SECTION("removed") {
        sql("DELETE FROM stream_sessions");
        REQUIRE(roll(jobs::Cause::request) == 0);
        CHECK(sql("SELECT count(*) FROM stream_reports") == "0");
    }
    CHECK(stored("hour", began).empty());
}

TEST_CASE_METHOD(Fixture, "quality stays in a report when the measurements have been dropped") {
    one_session(full_hour() - 3 * hour_us);
    REQUIRE(roll() == 0);
    const std::string quality =
        "SELECT quality_samples || ' ' || jitter_ms_p50 || ' ' || revision"
        " FROM stream_reports WHERE period = 'hour' AND scene_id = '" +
        everybody + "'";
    CHECK(sql(quality) == "3 20 1");
    sql("DELETE FROM stream_quality_metrics");
    REQUIRE(roll(jobs::Cause::request) == 0);
    CHECK(sql(quality) == "3 20 1");
}

TEST_CASE_METHOD(Fixture, "a period without sessions is computed and leaves no row") {
    const std::int64_t began = full_hour() - 3 * hour_us;
    one_session(began);
    REQUIRE(roll() == 0);
    CHECK(stored("hour", began + hour_us).empty());
    CHECK(sql("SELECT count(*) FROM stream_report_periods WHERE period = 'hour' AND starts_at = " +
              time_sql(began + hour_us)) == "1");
}

TEST_CASE_METHOD(Fixture, "a run that was overtaken by another stores nothing") {
    one_session(full_hour() - 3 * hour_us);
    sql("UPDATE background_jobs SET epoch = 2");
    roll(jobs::Cause::schedule, 1);
    CHECK(sql("SELECT count(*) FROM stream_reports") == "0");
    CHECK(sql("SELECT count(*) FROM stream_report_periods") == "0");
    REQUIRE(roll(jobs::Cause::schedule, 2) == 0);
    CHECK(sql("SELECT count(*) FROM stream_reports WHERE period = 'hour'") == "2");
}
