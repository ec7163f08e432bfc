#include "db_test.hpp"

#include "schema/schema.hpp"

#include <catch2/catch.hpp>

namespace subcults::schema {

namespace {

using db::options_for;
using db::soon;
using test::TestDatabase;

Migration migration(int number, std::string_view sql, std::string_view checksum,
                    int compatible_from = 1) {
    Migration result;
    result.number = number;
    result.compatible_from = compatible_from;
    result.name = "it's_a_test";
    result.sql = sql;
    result.checksum = checksum;
    return result;
}

Result<int, std::string> migrate(const TestDatabase& database, std::span<const Migration> known) {
    return test::run([&](boost::asio::any_io_executor executor)
                         -> boost::asio::awaitable<Result<int, std::string>> {
        db::Connection connection(executor, options_for(database.url()));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        Log log("test", LogLevel::error);
        auto result = co_await schema::migrate(connection, known, log, soon());
        // Whatever happened, neither a lock nor a transaction stays behind.
        if (connection.connected()) CHECK(connection.idle());
        CHECK(database.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' "
                               "AND database = (SELECT oid FROM pg_database "
                               "WHERE datname = current_database())") == "0");
        co_return result;
    });
}

Check check(const TestDatabase& database, std::span<const Migration> known) {
    return test::run([&](boost::asio::any_io_executor executor) -> boost::asio::awaitable<Check> {
        db::Connection connection(executor, options_for(database.url()));
        auto connected = co_await connection.connect();
        REQUIRE(connected);
        auto result = co_await schema::check(connection, known, soon());
        REQUIRE(result);
        co_return *result;
    });
}

const Migration first = migration(1, "CREATE TABLE a (x int); INSERT INTO a VALUES (1)", "c1");
const Migration second = migration(2, "ALTER TABLE a ADD y int", "c2");

}  // namespace

TEST_CASE("migrations are applied in order, once") {
    const TestDatabase database;
    const std::vector<Migration> one{first};
    const std::vector<Migration> both{first, second};

    CHECK(check(database, both).verdict == Compatibility::behind);
    CHECK(check(database, both).applied == 0);
    auto result = migrate(database, one);
    REQUIRE(result);
    CHECK(*result == 1);
    CHECK(check(database, one).verdict == Compatibility::current);
    CHECK(check(database, both).verdict == Compatibility::behind);
    result = migrate(database, both);
    REQUIRE(result);
    CHECK(*result == 1);
    result = migrate(database, both);
    REQUIRE(result);
    CHECK(*result == 0);
    CHECK(database.execute("SELECT string_agg(number || name || checksum || compatible_from, ',' "
                           "ORDER BY number) FROM schema_migrations WHERE applied_at <= now()") ==
          "1it's_a_testc11,2it's_a_testc21");
    CHECK(database.execute("SELECT count(y) FROM a") == "0");
}

TEST_CASE("an edited migration is found and nothing is applied") {
    const TestDatabase database;
    REQUIRE(migrate(database, std::vector<Migration>{first}));
    auto edited = first;
    edited.checksum = "other";
    const auto result = migrate(database, std::vector<Migration>{edited, second});
    REQUIRE_FALSE(result);
    CHECK(result.error().find("edited") != std::string::npos);
    CHECK(check(database, std::vector<Migration>{edited, second}).applied == 1);
}

TEST_CASE("a failing migration leaves no trace and the ones before it stay") {
    const TestDatabase database;
    const std::vector<Migration> all{
        first, migration(2, "CREATE TABLE b (x int); SELECT 1/0; CREATE TABLE c (x int)", "bad")};
    const auto result = migrate(database, all);
    REQUIRE_FALSE(result);
    CHECK(result.error().find("migration 2") != std::string::npos);
    CHECK(result.error().find("22012") != std::string::npos);
    CHECK(database.execute("SELECT to_regclass('a') IS NOT NULL AND to_regclass('b') IS NULL") ==
          "t");
    CHECK(check(database, all).applied == 1);
}

TEST_CASE("a migration that ends its own transaction is refused") {
    const TestDatabase database;
    const auto result = migrate(
        database, std::vector<Migration>{migration(1, "CREATE TABLE a (x int); COMMIT", "c")});
    REQUIRE_FALSE(result);
    CHECK(result.error().find("ends the transaction") != std::string::npos);
    CHECK(check(database, {}).applied == 0);
}

TEST_CASE("a newer database is left alone while it accepts this binary") {
    const TestDatabase database;
    const std::vector<Migration> old{first};
    REQUIRE(migrate(database, std::vector<Migration>{first, second}));
    auto result = migrate(database, old);
    REQUIRE(result);
    CHECK(*result == 0);
    CHECK(check(database, old).verdict == Compatibility::current);
    CHECK(check(database, old).applied == 2);

    const auto breaking = migration(3, "DROP TABLE a", "c3", 3);
    REQUIRE(migrate(database, std::vector<Migration>{first, second, breaking}));
    CHECK(check(database, old).verdict == Compatibility::incompatible);
    CHECK(check(database, old).compatible_from == 3);
    CHECK(check(database, old).known == 1);
    result = migrate(database, old);
    REQUIRE_FALSE(result);
    CHECK(result.error().find("migration 3") != std::string::npos);
}

TEST_CASE("who cannot get the migration lock gives up at the deadline") {
    const TestDatabase database;
    test::run([&](boost::asio::any_io_executor executor) -> boost::asio::awaitable<void> {
        db::Connection holder(executor, options_for(database.url()));
        auto connected = co_await holder.connect();
        REQUIRE(connected);
        auto locked =
            co_await holder.execute("SELECT pg_advisory_lock(6003953261893449829)", soon());
        REQUIRE(locked);
        db::Connection other(executor, options_for(database.url()));
        connected = co_await other.connect();
        REQUIRE(connected);
        Log log("test", LogLevel::error);
        const std::vector<Migration> known{first};
        const auto deadline = deadline_in(std::chrono::milliseconds(300));
        auto result = co_await schema::migrate(other, known, log, deadline);
        REQUIRE_FALSE(result);
        CHECK(result.error().find("another process") != std::string::npos);
        CHECK(other.idle());
    });
}

TEST_CASE("the built-in migrations apply to an empty database and are then current") {
    const TestDatabase database;
    const auto result = migrate(database, migrations());
    if (!result) FAIL(result.error());
    CHECK(*result == static_cast<int>(migrations().size()));
    CHECK(check(database, migrations()).verdict == Compatibility::current);
}

TEST_CASE("a migrated test database has every migration and is nobody else's") {
    const auto a = TestDatabase::migrated();
    const auto b = TestDatabase::migrated();
    CHECK(a.name() != b.name());
    CHECK(check(a, migrations()).verdict == Compatibility::current);
    a.execute("CREATE TABLE mine (x int)");
    CHECK(b.execute("SELECT to_regclass('mine') IS NULL") == "t");
}

}  // namespace subcults::schema
