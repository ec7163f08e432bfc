// Every way in which a run can fail shows up under the right type, in metrics and in the row.
#include "integration/jobs/replicas.hpp"

#include "schema/schema.hpp"
#include "support/asio_test.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <catch2/catch.hpp>

#include <stdexcept>

using namespace subcults;
using namespace subcults::test;
using std::chrono::milliseconds;

namespace {

constexpr db::Statement divide{"test_divide", "SELECT 1 / (SELECT 0)"};
constexpr db::Statement forbid{"test_forbid", "SELECT test_raise('42501')"};
constexpr db::Statement break_down{"test_break_down", "SELECT test_raise('XX000')"};
constexpr db::Statement sleep_long{"test_sleep", "SELECT pg_sleep(600)"};

std::vector<db::Statement> statements() {
    return {divide, forbid, break_down, sleep_long};
}

// A function that fails as it is told to.
void add_raise(const TestDatabase& database) {
    database.execute(
        "CREATE FUNCTION test_raise(code text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'as told' USING ERRCODE = code; END $$");
}

using Work = std::function<asio::awaitable<void>(db::Pool&, jobs::Run&)>;

asio::awaitable<void> ask(db::Pool& pool, jobs::Run& run, db::Statement statement) {
    auto lease = co_await pool.acquire(run.deadline());
    if (!lease) {
        run.fail(lease.error());
        co_return;
    }
    auto rows = co_await (*lease)->query(statement, db::Params(), run.deadline());
    if (!rows) run.fail(rows.error());
}

asio::awaitable<void> say(jobs::Run& run, jobs::ErrorType type) {
    run.fail(type, "as told");
    co_return;
}

asio::awaitable<void> throw_system() {
    throw boost::system::system_error(boost::asio::error::connection_refused);
    co_return;
}

asio::awaitable<void> throw_bug() {
    throw std::logic_error("a bug");
    co_return;
}

struct Way {
    std::string what;
    Work work;
    std::string type;
};

std::vector<Way> ways() {
    using jobs::ErrorType;
    const auto query = [](db::Statement statement) -> Work {
        return [statement](db::Pool& pool, jobs::Run& run) { return ask(pool, run, statement); };
    };
    const auto told = [](ErrorType type) -> Work {
        return [type](db::Pool&, jobs::Run& run) { return say(run, type); };
    };
    return {
        {"data that cannot be computed with", query(divide), "validation_error"},
        {"a privilege that is missing", query(forbid), "permission_denied"},
        {"an internal error of the database", query(break_down), "database_error"},
        {"a statement that outlasts the run", query(sleep_long), "timeout"},
        {"another server that refuses", told(ErrorType::permission_denied), "permission_denied"},
        {"something that is not there", told(ErrorType::not_found), "not_found"},
        {"a connection that is refused", [](db::Pool&, jobs::Run&) { return throw_system(); },
         "network_error"},
        {"a bug", [](db::Pool&, jobs::Run&) { return throw_bug(); }, "recompute_error"},
    };
}

}  // namespace

TEST_CASE("every failure that is injected shows up under its type, once") {
    const auto database = TestDatabase::migrated();
    add_raise(database);
    for (const Way& way : ways()) {
        INFO(way.what);
        database.execute("TRUNCATE background_jobs");
        World world;
        db::Pool* pool = nullptr;
        jobs::Job job = job_of(world, milliseconds(1));
        job.unexpected = jobs::ErrorType::recompute_error;
        job.time_limit = milliseconds(1500);
        job.work = [&pool, &way](jobs::Run& run) { return way.work(*pool, run); };
        Replica a(database, "a", std::move(job), statements());
        pool = &a.pool();
        a.start();
        REQUIRE(until({&a}, [&] { return a.runs("failure") == 1; }));
        CHECK(a.errors(way.type) == 1);
        std::uint64_t all = 0;
        for (const std::string_view type : metrics::catalogue::job_error_types)
            all += a.errors(type);
        CHECK(all == 1);
        CHECK(a.runs("success") == 0);
        CHECK(row(database, "result") == "failure");
        CHECK(row(database, "error_type") == way.type);
        CHECK(row(database, "failures_in_a_row") == "1");
        CHECK(row(database, "last_success_at IS NULL") == "t");
    }
}

TEST_CASE("work that never ends is cancelled at its time limit and can run again") {
    const auto database = TestDatabase::migrated();
    World world;
    jobs::Job job = job_of(world, for_ever, milliseconds(50));
    job.time_limit = milliseconds(200);
    Replica a(database, "a", std::move(job));
    a.start();
    REQUIRE(until({&a}, [&] { return a.runs("failure") >= 2; }));
    CHECK(a.errors("timeout") >= 2);
    CHECK(world.most_at_once == 1);
    CHECK(world.done == 0);
}

TEST_CASE("a job that fails is tried again sooner than its interval says") {
    const auto database = TestDatabase::migrated();
    World world;
    int failures = 2;
    jobs::Job job = job_of(world, milliseconds(1));
    job.schedule.retry = milliseconds(20);
    job.work = [&](jobs::Run& run) {
        if (failures-- > 0) return say(run, jobs::ErrorType::not_found);
        return busy(world, run, milliseconds(1));
    };
    Replica a(database, "a", std::move(job));
    a.start();
    REQUIRE(until({&a}, [&] { return a.runs("success") == 1; }));
    CHECK(a.runs("failure") == 2);
    CHECK(row(database, "failures_in_a_row") == "0");
    CHECK(row(database, "next_run_at > now() + interval '30 minutes'") == "t");
}

TEST_CASE("a database that goes away fails the run, and jobs go on when it is back") {
    TestPostgres server;
    const TestDatabase database(server.url());
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        db::ConnectionOptions options;
        options.uri = database.url();
        db::Connection connection(executor, options);
        auto connected = co_await connection.connect();
        if (!connected) throw std::runtime_error("no connection");
        Log log("test", LogLevel::off);
        auto migrated =
            co_await schema::migrate(connection, log, deadline_in(std::chrono::seconds(60)));
        if (!migrated) throw std::runtime_error(migrated.error());
    });
    World world;
    milliseconds time = for_ever;
    jobs::Job job = job_of(world, for_ever, milliseconds(50));
    job.work = [&world, &time](jobs::Run& run) { return busy(world, run, time); };
    Replica a(database, "a", std::move(job));
    a.start();
    REQUIRE(until({&a}, [&] { return world.running == 1; }));
    server.stop(TestPostgres::Stop::immediate);
    REQUIRE(until({&a}, [&] { return a.runs("failure") == 1; }));
    CHECK(a.errors("database_error") == 1);
    CHECK(a.errors("timeout") == 0);
    CHECK(world.running == 0);
    time = milliseconds(1);
    server.start();
    REQUIRE(until(
        {&a}, [&] { return a.runs("success") >= 1; }, std::chrono::seconds(60)));
    CHECK(a.runs("failure") == 1);
    CHECK(row(database, "takeovers") == "0");
}
