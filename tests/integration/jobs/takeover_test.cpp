// Processes that die, hang or stop while they run a job.
#include "integration/jobs/replicas.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::test;
using std::chrono::milliseconds;

namespace {

// The bound, and as much again for a slow machine.
milliseconds patience() {
    return 2 * quick_terms().takeover_bound() + std::chrono::seconds(2);
}

constexpr db::Statement write_name{"test_write",
                                   "INSERT INTO scenes (id, uri, owner_did, rev, name) VALUES"
                                   " ($1::uuid, 'at://x', 'did:plc:x', '3k', 'fenced')"};

constexpr db::Statement sleep_long{"test_sleep", "SELECT pg_sleep(30)"};

asio::awaitable<void> sleep_fenced(World& world, db::Pool& pool, jobs::Run& run) {
    const Inside inside(world, run);
    db::Params none;
    auto done = co_await jobs::run_fenced(pool, run, sleep_long, std::move(none));
    if (done) ++world.done;
}

// How many statements the server is asleep in.
std::string asleep(const TestDatabase& database) {
    return database.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event = 'PgSleep'");
}

asio::awaitable<bool> write_fenced(Replica& replica, jobs::Run& run) {
    db::Params params;
    params.uuid(uuid_v7());
    auto done = co_await jobs::run_fenced(replica.pool(), run, write_name, std::move(params));
    co_return done.has_value();
}

std::string written(const TestDatabase& database) {
    return database.execute("SELECT count(*) FROM scenes");
}

}  // namespace

TEST_CASE("a replica that dies is replaced, and its run is counted as a failure") {
    const auto database = TestDatabase::migrated();
    World world;
    auto a = std::make_unique<Replica>(database, "a", job_of(world, for_ever));
    Replica b(database, "b", job_of(world, milliseconds(1)));
    a->start();
    REQUIRE(until({a.get()}, [&] { return world.running == 1; }));
    b.start();
    REQUIRE(until({a.get(), &b}, [&] { return b.last_success() == 0 && world.begun == 1; }));
    a.reset();  // without a word to the database
    REQUIRE(world.running == 0);
    REQUIRE(until(
        {&b}, [&] { return b.runs("success") == 1; }, patience()));
    CHECK(b.runs("failure") == 1);
    CHECK(b.errors("timeout") == 1);
    CHECK(world.causes.back() == jobs::Cause::takeover);
    CHECK(row(database, "takeovers") == "1");
    CHECK(row(database, "runs") == "2");
    CHECK(row(database, "failures") == "1");
    CHECK(row(database, "failures_in_a_row") == "0");
}

TEST_CASE("a replica that dies is replaced in time, whatever statement of its run is under way") {
    const auto database = TestDatabase::migrated();
    World world;
    db::Pool* pool = nullptr;
    jobs::Job job = job_of(world, for_ever);
    job.work = [&world, &pool](jobs::Run& run) { return sleep_fenced(world, *pool, run); };
    auto a = std::make_unique<Replica>(database, "a", std::move(job),
                                       std::vector<db::Statement>{sleep_long});
    pool = &a->pool();
    Replica b(database, "b", job_of(world, milliseconds(1)));
    a->start();
    REQUIRE(until({a.get()}, [&] { return asleep(database) == "1"; }));
    b.start();
    REQUIRE(until({a.get(), &b}, [&] { return b.pool().stats().connected == 1; }));
    REQUIRE(world.begun == 1);
    a.reset();  // its server process is told nothing, and asleep for half a minute
    REQUIRE(world.running == 0);
    REQUIRE(until(
        {&b}, [&] { return b.runs("success") == 1; }, patience()));
    CHECK(b.errors("timeout") == 1);
    CHECK(world.causes.back() == jobs::Cause::takeover);
    CHECK(world.done == 1);
    CHECK(row(database, "takeovers") == "1");
}

TEST_CASE("a replica that keeps its lease is not replaced, however long its run takes") {
    const auto database = TestDatabase::migrated();
    World world;
    Replica a(database, "a", job_of(world, for_ever));
    Replica b(database, "b", job_of(world, for_ever));
    a.start();
    REQUIRE(until({&a}, [&] { return world.running == 1; }));
    b.start();
    // Several times as long as a lease lasts.
    until(
        {&a, &b}, [] { return false; }, 3 * quick_terms().ttl);
    CHECK(world.begun == 1);
    CHECK(world.running == 1);
    CHECK(row(database, "epoch") == "1");
}

TEST_CASE("a replica that hangs is replaced, and finds its run cancelled when it wakes up") {
    const auto database = TestDatabase::migrated();
    World world;
    Replica a(database, "a", job_of(world, for_ever));
    Replica b(database, "b", job_of(world, milliseconds(1)));
    a.start();
    REQUIRE(until({&a}, [&] { return world.running == 1; }));
    b.start();
    until(
        {&a, &b}, [] { return false; }, std::chrono::milliseconds(300));
    REQUIRE(a.running() == 1);
    const auto hung_at = std::chrono::steady_clock::now();
    REQUIRE(until(
        {&b}, [&] { return b.runs("success") == 1; }, patience()));
    // Never before the lease was over.
    CHECK(std::chrono::steady_clock::now() - hung_at >=
          quick_terms().ttl - 3 * quick_terms().keep_every);
    CHECK(b.errors("timeout") == 1);
    REQUIRE(world.running == 1);
    REQUIRE(until({&a, &b}, [&] { return world.running == 0; }));
    REQUIRE(until({&a, &b}, [&] { return a.running() == 0; }));
    // Counted once, by the one that took over.
    CHECK(a.runs("failure") == 0);
    CHECK(a.errors("timeout") == 0);
    CHECK(row(database, "takeovers") == "1");
}

TEST_CASE("what a run writes after another one has begun does not commit") {
    const auto database = TestDatabase::migrated();
    World world;
    Replica a(database, "a", job_of(world, milliseconds(1)), {write_name});
    a.start();
    REQUIRE(until({&a}, [&] { return a.runs("success") == 1; }));
    const Deadline limit = deadline_in(std::chrono::seconds(60));

    jobs::Run present(job_type, 1, jobs::Cause::schedule, limit);
    CHECK(finish(a, write_fenced(a, present)));
    CHECK(written(database) == "1");

    database.execute("UPDATE background_jobs SET epoch = 2");
    CHECK_FALSE(finish(a, write_fenced(a, present)));
    CHECK(present.fenced_off());
    CHECK(present.failures().empty());
    CHECK(written(database) == "1");
}

TEST_CASE("no run begins while a transaction of the one before is under way") {
    const auto database = TestDatabase::migrated();
    World world;
    Replica a(database, "a", job_of(world, milliseconds(1)));
    a.start();
    REQUIRE(until({&a}, [&] { return a.runs("success") == 1; }));
    // A transaction of a run that has lost its lease and does not know it.
    Replica old(database, "old", job_of(world, milliseconds(1)));
    old.pool().start();
    const auto open = [](Replica& replica) -> asio::awaitable<db::Pool::Lease> {
        auto lease = co_await replica.pool().acquire(deadline_in(std::chrono::seconds(20)));
        const jobs::Run run(job_type, 1, jobs::Cause::schedule,
                            deadline_in(std::chrono::seconds(60)));
        db::Pipeline pipeline;
        run.begin_fenced(pipeline);
        auto begun = co_await (*lease)->run("test", std::move(pipeline),
                                            deadline_in(std::chrono::seconds(20)));
        if (!begun || !begun->ok()) throw std::runtime_error("the transaction did not begin");
        co_return std::move(*lease);
    };
    db::Pool::Lease held = finish(old, open(old));
    database.execute(
        "UPDATE background_jobs SET leased_until = now() - interval '1 hour', requested_at = "
        "now()");
    until(
        {&a}, [] { return false; }, std::chrono::seconds(1));
    CHECK(world.begun == 1);
    held = db::Pool::Lease();  // the pool drops a connection with an open transaction
    REQUIRE(until({&a, &old}, [&] { return world.begun == 2; }));
}

TEST_CASE("a replica that is stopped gives its run back, and another makes it up at once") {
    const auto database = TestDatabase::migrated();
    World world;
    Replica a(database, "a", job_of(world, for_ever));
    Replica b(database, "b", job_of(world, milliseconds(1)));
    a.start();
    REQUIRE(until({&a}, [&] { return world.running == 1; }));
    b.start();
    const auto asked = std::chrono::steady_clock::now();
    stop(a, {&b});
    CHECK(std::chrono::steady_clock::now() - asked < quick_terms().ttl);
    CHECK(world.running == 0);
    REQUIRE(until({&b}, [&] { return b.runs("success") == 1; }));
    CHECK(a.runs("failure") + a.runs("success") == 0);
    CHECK(b.runs("failure") == 0);
    CHECK(row(database, "takeovers") == "0");
    CHECK(row(database, "runs") == "1");
}

TEST_CASE("a replica that runs nothing stops without delay") {
    const auto database = TestDatabase::migrated();
    World world;
    Replica a(database, "a", job_of(world, milliseconds(1)));
    a.start();
    REQUIRE(until({&a}, [&] { return a.runs("success") == 1; }));
    stop(a);
    CHECK(row(database, "leased_until IS NULL") == "t");
}
