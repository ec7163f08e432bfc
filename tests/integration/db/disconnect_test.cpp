#include "db_test.hpp"

#include <catch2/catch.hpp>

#include <stdexcept>

namespace subcults::db {

namespace {

asio::awaitable<void> wait_until_executing(const TestDatabase& database, int pid) {
    const auto has_seen = [&database, pid] { return executing(database, pid); };
    const bool seen = co_await eventually(has_seen);
    REQUIRE(seen);
}

}  // namespace

TEST_CASE("a statement past its deadline closes the connection") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url(), {sleep_long, one}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        // A quick one first: its later deadline must not hide the earlier one that follows.
        auto rows = co_await connection.query(one, Params(), soon());
        REQUIRE(rows);
        const auto deadline = deadline_in(std::chrono::milliseconds(100));
        rows = co_await connection.query(sleep_long, Params(), deadline);
        REQUIRE_FALSE(rows);
        CHECK(rows.error().kind == ErrorKind::timeout);
        CHECK(rows.error().statement == "sleep_long");
        CHECK_FALSE(connection.connected());

        rows = co_await connection.query(one, Params(), soon());
        REQUIRE_FALSE(rows);
        CHECK(rows.error().kind == ErrorKind::unavailable);

        connected = co_await connection.connect();
        REQUIRE(connected);
        rows = co_await connection.query(one, Params(), soon());
        CHECK(rows);
    });
}

TEST_CASE("a pipeline past its deadline closes the connection") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url(), {sleep_long, one}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        Pipeline pipeline;
        pipeline.add(one).add(sleep_long);
        const auto deadline = deadline_in(std::chrono::milliseconds(100));
        auto result = co_await connection.run("slow", std::move(pipeline), deadline);
        REQUIRE_FALSE(result);
        CHECK(result.error().kind == ErrorKind::timeout);
        CHECK(result.error().statement == "slow");
        CHECK_FALSE(connection.connected());
    });
}

TEST_CASE("a deadline in the past sends nothing and keeps the connection") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url(), {one}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        const auto past = SteadyClock::now() - std::chrono::seconds(1);
        auto rows = co_await connection.query(one, Params(), past);
        REQUIRE_FALSE(rows);
        CHECK(rows.error().kind == ErrorKind::unavailable);
        rows = co_await connection.query(one, Params(), soon());
        CHECK(rows);
    });
}

TEST_CASE("a session ended by the administrator in mid-query is lost, with the reason") {
    const TestDatabase database;
    for (const bool pipelined : {false, true}) {
        run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
            Connection connection(executor, options_for(database.url(), {sleep_long, one}));
            auto connected = co_await connection.connect();
            REQUIRE(connected);
            const int pid = connection.backend_pid();
            std::optional<Error> failure;
            if (pipelined) {
                Pipeline pipeline;
                pipeline.add(one).add(sleep_long).add(one);
                auto running =
                    start(executor, connection.run("batch", std::move(pipeline), soon()));
                co_await wait_until_executing(database, pid);
                database.execute("SELECT pg_terminate_backend(" + std::to_string(pid) + ")");
                const auto has_ended = [&] { return running->done; };
                auto ended = co_await eventually(has_ended);
                REQUIRE(ended);
                REQUIRE(running->value);
                REQUIRE_FALSE(*running->value);
                failure = running->value->error();
            } else {
                auto running = start(executor, connection.query(sleep_long, Params(), soon()));
                co_await wait_until_executing(database, pid);
                database.execute("SELECT pg_terminate_backend(" + std::to_string(pid) + ")");
                const auto has_ended_2 = [&] { return running->done; };
                auto ended = co_await eventually(has_ended_2);
                REQUIRE(ended);
                REQUIRE(running->value);
                REQUIRE_FALSE(*running->value);
                failure = running->value->error();
            }
            CHECK(failure->kind == ErrorKind::connection_lost);
            CHECK(failure->sqlstate == "57P01");
            CHECK(failure->transient());
            CHECK_FALSE(failure->certainly_not_applied());
            CHECK_FALSE(connection.connected());
        });
    }
}

TEST_CASE("a session ended while idle is noticed before anything is sent") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url(), {one}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        const auto pid = std::to_string(connection.backend_pid());
        database.execute("SELECT pg_terminate_backend(" + pid + ", 10000)");
        auto rows = co_await connection.query(one, Params(), soon());
        REQUIRE_FALSE(rows);
        CHECK(rows.error().kind == ErrorKind::unavailable);
        CHECK(rows.error().certainly_not_applied());
        CHECK_FALSE(connection.connected());
    });
}

TEST_CASE("a server that crashes in mid-query loses the connection") {
    TestPostgres server;
    for (const bool killed : {false, true}) {
        const TestDatabase database(server.url());
        run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
            Connection connection(executor, options_for(database.url(), {sleep_long}));
            auto connected = co_await connection.connect();
            REQUIRE(connected);
            auto running = start(executor, connection.query(sleep_long, Params(), soon()));
            co_await wait_until_executing(database, connection.backend_pid());
            if (killed) {
                server.kill();
            } else {
                server.stop(TestPostgres::Stop::immediate);
            }
            const auto has_ended_3 = [&] { return running->done; };
            auto ended = co_await eventually(has_ended_3);
            REQUIRE(ended);
            REQUIRE(running->value);
            REQUIRE_FALSE(*running->value);
            const auto& failure = running->value->error();
            CHECK(failure.kind == ErrorKind::connection_lost);
            CHECK(failure.transient());
            CHECK_FALSE(failure.message.empty());
            CHECK_FALSE(connection.connected());
            auto refused = co_await connection.connect();
            REQUIRE_FALSE(refused);
            CHECK(refused.error().transient());
        });
        server.start();
    }
}

TEST_CASE("closing ends a running query, and the connection can be made anew") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url(), {sleep_long, one}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        auto running = start(executor, connection.query(sleep_long, Params(), soon()));
        co_await wait_until_executing(database, connection.backend_pid());
        connection.close();
        CHECK_FALSE(connection.connected());
        // At once, before the old query has even been told.
        connected = co_await connection.connect();
        REQUIRE(connected);
        auto rows = co_await connection.query(one, Params(), soon());
        CHECK(rows);
        const auto has_ended_4 = [&] { return running->done; };
        auto ended = co_await eventually(has_ended_4);
        REQUIRE(ended);
        REQUIRE(running->value);
        REQUIRE_FALSE(*running->value);
        CHECK(running->value->error().kind == ErrorKind::cancelled);
        rows = co_await connection.query(one, Params(), soon());
        CHECK(rows);
    });
}

TEST_CASE("a connection may be destroyed while an operation runs, or before it has begun") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        auto connection =
            std::make_unique<Connection>(executor, options_for(database.url(), {sleep_long, one}));
        auto connected = co_await connection->connect();
        REQUIRE(connected);
        auto running = start(executor, connection->query(sleep_long, Params(), soon()));
        co_await wait_until_executing(database, connection->backend_pid());
        connection.reset();
        const auto has_ended_5 = [&] { return running->done; };
        auto ended = co_await eventually(has_ended_5);
        REQUIRE(ended);
        REQUIRE_FALSE(*running->value);
        CHECK(running->value->error().kind == ErrorKind::cancelled);

        connection = std::make_unique<Connection>(executor, options_for(database.url(), {one}));
        connected = co_await connection->connect();
        REQUIRE(connected);
        auto late = connection->query(one, Params(), soon());
        connection.reset();
        auto rows = co_await std::move(late);
        REQUIRE_FALSE(rows);
        CHECK(rows.error().kind == ErrorKind::unavailable);
    });
}

TEST_CASE("an io_context may be destroyed with operations in flight") {
    const TestDatabase database;
    auto context = std::make_unique<asio::io_context>(1);
    auto connection = std::make_shared<Connection>(context->get_executor(),
                                                   options_for(database.url(), {sleep_long}));
    const auto connected = test::run_on(*context, connection->connect());
    REQUIRE(connected);
    auto running = start(context->get_executor(), connection->query(sleep_long, Params(), soon()));
    context->restart();
    while (context->poll_one() > 0) {
    }
    CHECK_FALSE(running->done);
    connection.reset();
    context.reset();
    CHECK_FALSE(running->done);
}

TEST_CASE("two operations at once on one connection are refused loudly") {
    const TestDatabase database;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url(), {sleep_long, one}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        auto running = start(executor, connection.query(sleep_long, Params(), soon()));
        co_await wait_until_executing(database, connection.backend_pid());
        auto second = start(executor, connection.query(one, Params(), soon()));
        const auto has_ended_6 = [&] { return second->done; };
        auto ended = co_await eventually(has_ended_6);
        REQUIRE(ended);
        REQUIRE(second->failed);
        CHECK_THROWS_AS(std::rethrow_exception(second->failed), std::logic_error);
        CHECK_FALSE(running->done);
    });
}

}  // namespace subcults::db
