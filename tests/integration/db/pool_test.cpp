#include "db_test.hpp"

#include "db/pool.hpp"

#include <catch2/catch.hpp>

namespace subcults::db {

namespace {

constexpr Statement pid{"pid", "SELECT pg_backend_pid()"};
constexpr Statement suicide{"suicide", "SELECT pg_terminate_backend(pg_backend_pid(), 10000)"};

PoolOptions pool_of(const std::string& url, std::size_t size) {
    PoolOptions options;
    options.connection = options_for(url, {one, pid, suicide, sleep_long});
    options.connection.application_name = "pool";
    options.size = size;
    options.backoff.base = std::chrono::milliseconds(1);
    options.backoff.cap = std::chrono::milliseconds(50);
    return options;
}

}  // namespace

TEST_CASE("a pool connects in the background and lends one connection to one caller") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Pool pool(executor, pool_of(database.url(), 2));
        pool.start();
        auto first = co_await pool.acquire(soon());
        REQUIRE(first);
        auto second = co_await pool.acquire(soon());
        REQUIRE(second);
        CHECK((*first)->backend_pid() != (*second)->backend_pid());
        CHECK(pool.stats().connected == 2);
        CHECK(pool.stats().in_use == 2);
        *first = Pool::Lease();
        CHECK(pool.stats().in_use == 1);
        auto rows = co_await pool.read(one, Params(), soon());
        REQUIRE(rows);
        CHECK(rows->int8(0, 0) == 1);
        CHECK(pool.stats().connects == 2);
        CHECK(pool.stats().connect_failures == 0);
    });
}

TEST_CASE("callers wait in line, first come, first served") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Pool pool(executor, pool_of(database.url(), 1));
        pool.start();
        auto held = co_await pool.acquire(soon());
        REQUIRE(held);
        auto first = start(executor, pool.acquire(soon()));
        auto second = start(executor, pool.acquire(soon()));
        const auto has_waiting = [&] { return pool.stats().waiting == 2; };
        auto waiting = co_await eventually(has_waiting);
        REQUIRE(waiting);
        *held = Pool::Lease();
        const auto has_served = [&] { return first->done; };
        auto served = co_await eventually(has_served);
        REQUIRE(served);
        CHECK(first->value->has_value());
        CHECK_FALSE(second->done);
        *first->value = Pool::Lease();
        const auto has_served_2 = [&] { return second->done; };
        served = co_await eventually(has_served_2);
        REQUIRE(served);
        CHECK(second->value->has_value());
        CHECK(pool.stats().waiting == 0);
    });
}

TEST_CASE("a caller whose deadline passes leaves the line") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Pool pool(executor, pool_of(database.url(), 1));
        pool.start();
        auto held = co_await pool.acquire(soon());
        REQUIRE(held);
        auto refused = co_await pool.acquire(deadline_in(std::chrono::milliseconds(50)));
        REQUIRE_FALSE(refused);
        CHECK(refused.error().kind == ErrorKind::pool_timeout);
        CHECK(refused.error().certainly_not_applied());
        CHECK(pool.stats().waiting == 0);
        *held = Pool::Lease();
        auto again = co_await pool.acquire(soon());
        CHECK(again);
    });
}

TEST_CASE("a line that is full refuses at once") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        auto options = pool_of(database.url(), 1);
        options.max_waiting = 1;
        Pool pool(executor, std::move(options));
        pool.start();
        auto held = co_await pool.acquire(soon());
        REQUIRE(held);
        auto waiting = start(executor, pool.acquire(soon()));
        const auto has_lined_up = [&] { return pool.stats().waiting == 1; };
        auto lined_up = co_await eventually(has_lined_up);
        REQUIRE(lined_up);
        auto refused = co_await pool.acquire(soon());
        REQUIRE_FALSE(refused);
        CHECK(refused.error().kind == ErrorKind::pool_timeout);
        CHECK_FALSE(waiting->done);
    });
}

TEST_CASE("without a database callers are told why they waited in vain") {
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Pool pool(executor, pool_of("host=/nonexistent-directory", 1));
        pool.start();
        const auto has_failing = [&] { return pool.stats().connect_failures > 2; };
        auto failing = co_await eventually(has_failing);
        REQUIRE(failing);
        auto refused = co_await pool.acquire(deadline_in(std::chrono::milliseconds(50)));
        REQUIRE_FALSE(refused);
        CHECK(refused.error().kind == ErrorKind::pool_timeout);
        CHECK(refused.error().message.find("nonexistent-directory") != std::string::npos);
    });
}

TEST_CASE("connections that come back unusable are replaced") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Pool pool(executor, pool_of(database.url(), 1));
        pool.start();
        auto lease = co_await pool.acquire(soon());
        REQUIRE(lease);
        const int first = (*lease)->backend_pid();
        auto begun = co_await (*lease)->execute("BEGIN", soon());
        REQUIRE(begun);
        *lease = Pool::Lease();  // with its transaction open

        lease = co_await pool.acquire(soon());
        REQUIRE(lease);
        const int second = (*lease)->backend_pid();
        CHECK(second != first);
        (*lease)->close();
        *lease = Pool::Lease();

        lease = co_await pool.acquire(soon());
        REQUIRE(lease);
        CHECK((*lease)->backend_pid() != second);
        CHECK(pool.stats().connects == 3);
        CHECK(pool.stats().connected == 1);
    });
}

TEST_CASE("a read is tried once more on a fresh connection, and not a third time") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Pool pool(executor, pool_of(database.url(), 1));
        pool.start();
        auto rows = co_await pool.read(suicide, Params(), soon());
        REQUIRE_FALSE(rows);
        CHECK(rows.error().kind == ErrorKind::connection_lost);
        const auto has_replaced = [&] { return pool.stats().connects == 3; };
        auto replaced = co_await eventually(has_replaced);
        CHECK(replaced);
        rows = co_await pool.read(one, Params(), soon());
        CHECK(rows);
    });
}

TEST_CASE("reads survive the death of every session of the pool") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Pool pool(executor, pool_of(database.url(), 3));
        pool.start();
        const auto has_ready = [&] { return pool.stats().connected == 3; };
        auto ready = co_await eventually(has_ready);
        REQUIRE(ready);
        database.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE application_name = 'pool' AND datname = current_database()");
        auto rows = co_await pool.read(one, Params(), soon());
        REQUIRE(rows);
        CHECK(rows->int8(0, 0) == 1);
    });
}

TEST_CASE("a pool is back by itself after the server was away") {
    TestPostgres server;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Pool pool(executor, pool_of(server.url(), 2));
        pool.start();
        auto rows = co_await pool.read(one, Params(), soon());
        REQUIRE(rows);
        server.stop();
        rows = co_await pool.read(one, Params(), deadline_in(std::chrono::milliseconds(200)));
        REQUIRE_FALSE(rows);
        CHECK(rows.error().certainly_not_applied());
        const auto has_failing_2 = [&] { return pool.stats().connect_failures > 0; };
        auto failing = co_await eventually(has_failing_2);
        REQUIRE(failing);
        server.start();
        rows = co_await pool.read(one, Params(), soon());
        REQUIRE(rows);
        server.restart();
        rows = co_await pool.read(one, Params(), soon());
        REQUIRE(rows);
    });
}

TEST_CASE("stopping ends those who wait and those who work, and leases may outlive the pool") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        auto pool = std::make_unique<Pool>(executor, pool_of(database.url(), 2));
        pool->start();
        auto lease = co_await pool->acquire(soon());
        REQUIRE(lease);
        auto reading = start(executor, pool->read(sleep_long, Params(), soon()));
        auto waiting = start(executor, pool->acquire(soon()));
        const auto has_busy = [&] {
            return pool->stats().in_use == 2 && pool->stats().waiting == 1;
        };
        auto busy = co_await eventually(has_busy);
        REQUIRE(busy);
        pool.reset();
        const auto has_ended = [&] { return reading->done && waiting->done; };
        auto ended = co_await eventually(has_ended);
        REQUIRE(ended);
        CHECK(reading->value->error().kind == ErrorKind::cancelled);
        CHECK(waiting->value->error().kind == ErrorKind::cancelled);
        auto rows = co_await (*lease)->query(one, Params(), soon());
        REQUIRE_FALSE(rows);
        CHECK(rows.error().kind == ErrorKind::unavailable);
    });
}

TEST_CASE("a caller that is destroyed in line or just served takes no connection with it") {
    const TestDatabase database;
    asio::cancellation_signal cancel;  // Asio posts to it, so it outlives the context
    asio::io_context context(1);
    Pool pool(context.get_executor(), pool_of(database.url(), 1));
    pool.start();
    for (const bool served : {false, true}) {
        auto held = test::run_on(context, pool.acquire(soon()));
        REQUIRE(held);
        bool ended = false;
        auto finished = [&ended](std::exception_ptr, auto) { ended = true; };
        asio::co_spawn(context, pool.acquire(soon()),
                       asio::bind_cancellation_slot(cancel.slot(), std::move(finished)));
        context.restart();
        while (pool.stats().waiting == 0)
            context.run_one();
        // Served and cancelled in the same turn: the lease must find its way back.
        if (served) *held = Pool::Lease();
        cancel.emit(asio::cancellation_type::terminal);
        while (!ended)
            context.run_one();
        CHECK(pool.stats().waiting == 0);
    }
    auto lease = test::run_on(context, pool.acquire(soon()));
    CHECK(lease);
    CHECK(pool.stats().in_use == 1);
}

}  // namespace subcults::db
