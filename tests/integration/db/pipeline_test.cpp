#include "db_test.hpp"

#include <catch2/catch.hpp>

namespace subcults::db {

namespace {

constexpr Statement insert{"insert", "INSERT INTO items (id) VALUES ($1::int8) RETURNING id"};
constexpr Statement count{"count", "SELECT count(*) FROM items"};

Params number(std::int64_t value) {
    Params params;
    params.int8(value);
    return params;
}

TestDatabase with_items() {
    TestDatabase database;
    database.execute("CREATE TABLE items (id int8 PRIMARY KEY)");
    database.execute("INSERT INTO items VALUES (0)");
    return database;
}

}  // namespace

TEST_CASE("a pipeline answers step by step and commits as a whole") {
    const auto database = with_items();
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url(), {insert, count}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        Pipeline pipeline;
        pipeline.command("BEGIN").add(insert, number(1)).add(insert, number(2));
        pipeline.add(count).command("COMMIT");
        auto result = co_await connection.run("batch", std::move(pipeline), soon());
        REQUIRE(result);
        REQUIRE(result->ok());
        REQUIRE(result->rows.size() == 5);
        CHECK(result->rows[0].command() == "BEGIN");
        CHECK(result->rows[1].int8(0, 0) == 1);
        CHECK(result->rows[1].affected() == 1);
        CHECK(result->rows[3].int8(0, 0) == 3);
        CHECK(result->rows[4].command() == "COMMIT");
        CHECK(connection.idle());
        CHECK(database.execute("SELECT count(*) FROM items") == "3");

        auto empty = co_await connection.run("empty", Pipeline(), soon());
        REQUIRE(empty);
        CHECK(empty->ok());
        CHECK(empty->rows.empty());
    });
}

TEST_CASE("a step may fail at any position, and ROLLBACK makes the connection usable again") {
    const auto database = with_items();
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url(), {insert, count}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        for (std::size_t failing = 1; failing <= 3; ++failing) {
            Pipeline pipeline;
            pipeline.command("BEGIN");
            for (std::size_t i = 1; i <= 3; ++i) {
                pipeline.add(insert, number(i == failing ? 0 : static_cast<std::int64_t>(i)));
            }
            pipeline.command("COMMIT");
            auto result = co_await connection.run("batch", std::move(pipeline), soon());
            REQUIRE(result);
            REQUIRE_FALSE(result->ok());
            CHECK(result->failed_step == failing);
            CHECK(result->rows.size() == failing);
            CHECK(result->error->kind == ErrorKind::server);
            CHECK(result->error->is_class("23"));
            CHECK(result->error->statement == "insert");
            CHECK(connection.connected());
            CHECK_FALSE(connection.idle());
            auto rolled_back = co_await connection.execute("ROLLBACK", soon());
            REQUIRE(rolled_back);
            CHECK(connection.idle());
        }
        CHECK(database.execute("SELECT count(*) FROM items") == "1");
    });
}

TEST_CASE("a pipeline without BEGIN is one transaction of its own") {
    const auto database = with_items();
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url(), {insert}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        Pipeline pipeline;
        pipeline.add(insert, number(1)).add(insert, number(0)).add(insert, number(2));
        auto result = co_await connection.run("batch", std::move(pipeline), soon());
        REQUIRE(result);
        CHECK(result->failed_step == 1);
        CHECK(connection.idle());
        CHECK(database.execute("SELECT count(*) FROM items") == "1");
    });
}

TEST_CASE("a constraint that is checked at the end fails the implicit commit") {
    const auto database = with_items();
    database.execute(
        "ALTER TABLE items ADD parent int8 REFERENCES items DEFERRABLE "
        "INITIALLY DEFERRED");
    constexpr Statement orphan{"orphan", "INSERT INTO items VALUES (7, 8)"};
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url(), {orphan, count}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        Pipeline pipeline;
        pipeline.add(orphan).add(count);
        auto result = co_await connection.run("batch", std::move(pipeline), soon());
        REQUIRE(result);
        REQUIRE_FALSE(result->ok());
        CHECK(result->failed_step == 2);
        CHECK(result->rows.size() == 2);
        CHECK(result->error->sqlstate == "23503");
        CHECK(connection.idle());
        auto rows = co_await connection.query(count, Params(), soon());
        REQUIRE(rows);
        CHECK(rows->int8(0, 0) == 1);
    });
}

TEST_CASE("the COMMIT of a failed transaction answers ROLLBACK") {
    const auto database = with_items();
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url(), {insert}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        Pipeline failing;
        failing.command("BEGIN").add(insert, number(0));
        auto result = co_await connection.run("batch", std::move(failing), soon());
        REQUIRE(result);
        REQUIRE_FALSE(result->ok());
        Pipeline commit;
        commit.command("COMMIT");
        result = co_await connection.run("commit", std::move(commit), soon());
        REQUIRE(result);
        REQUIRE(result->ok());
        CHECK(result->rows.front().command() == "ROLLBACK");
        CHECK(connection.idle());
    });
}

TEST_CASE("a long pipeline answers every step") {
    const auto database = with_items();
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        Connection connection(executor, options_for(database.url(), {insert}));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        constexpr std::int64_t steps = 5000;
        Pipeline pipeline;
        for (std::int64_t i = 1; i <= steps; ++i)
            pipeline.add(insert, number(i));
        auto result = co_await connection.run("long", std::move(pipeline), soon());
        REQUIRE(result);
        REQUIRE(result->ok());
        REQUIRE(result->rows.size() == steps);
        CHECK(result->rows.back().int8(0, 0) == steps);
    });
}

}  // namespace subcults::db
