// What several threads do at once. Assertions stay on the test's own thread.
#include "db_test.hpp"

#include "db/pool.hpp"
#include "schema/schema.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

namespace subcults {

namespace {

namespace asio = boost::asio;
using db::options_for;
using db::soon;
using test::TestDatabase;

asio::awaitable<Result<int, std::string>> connect_and_migrate(
    asio::any_io_executor executor, std::string url, std::span<const schema::Migration> known,
    Log& log) {
    db::Connection connection(executor, options_for(url));
    const auto connected = co_await connection.connect();
    if (!connected) co_return describe(connected.error());
    co_return co_await schema::migrate(connection, known, log, soon());
}

}  // namespace

TEST_CASE("migrations started four times at once are applied once") {
    const TestDatabase database;
    std::vector<std::string> texts;
    for (int i = 1; i <= 10; ++i) {
        texts.push_back("CREATE TABLE t" + std::to_string(i) + " (x int); SELECT pg_sleep(0.01)");
    }
    std::vector<schema::Migration> known;
    for (const auto& text : texts) {
        schema::Migration migration;
        migration.number = static_cast<int>(known.size()) + 1;
        migration.compatible_from = 1;
        migration.name = "table";
        migration.sql = text;
        migration.checksum = text;
        known.push_back(migration);
    }

    Log log("test", LogLevel::error);
    constexpr int starters = 4;
    std::vector<std::optional<Result<int, std::string>>> results(starters);
    std::vector<std::thread> threads;
    for (auto& result : results) {
        threads.emplace_back([&] {
            asio::io_context context(1);
            result = test::run_on(
                context, connect_and_migrate(context.get_executor(), database.url(), known, log));
        });
    }
    for (auto& thread : threads)
        thread.join();

    int applied = 0;
    for (const auto& result : results) {
        REQUIRE(result);
        if (!*result) FAIL(result->error());
        applied += **result;
    }
    CHECK(applied == 10);
    CHECK(database.execute("SELECT count(*) FROM schema_migrations") == "10");
}

TEST_CASE("a pool's figures may be read from any thread") {
    const TestDatabase database;
    asio::io_context context(1);
    db::PoolOptions options;
    options.connection = options_for(database.url(), {db::one});
    db::Pool pool(context.get_executor(), std::move(options));
    pool.start();
    std::atomic<bool> stop{false};
    std::size_t highest = 0;
    std::thread reader([&] {
        while (!stop.load()) {
            const auto stats = pool.stats();
            highest = std::max({highest, stats.connected, stats.in_use, stats.waiting});
        }
    });
    int answers = 0;
    for (int i = 0; i < 50; ++i) {
        const auto rows = test::run_on(context, pool.read(db::one, db::Params(), soon()));
        if (rows) ++answers;
    }
    stop.store(true);
    reader.join();
    CHECK(answers == 50);
    CHECK(highest <= 2);
}

TEST_CASE("one pool per thread serves one database") {
    const TestDatabase database;
    std::atomic<int> answers{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            asio::io_context context(1);
            db::PoolOptions options;
            options.connection = options_for(database.url(), {db::one});
            db::Pool pool(context.get_executor(), std::move(options));
            pool.start();
            for (int j = 0; j < 50; ++j) {
                const auto rows = test::run_on(context, pool.read(db::one, db::Params(), soon()));
                if (rows && rows->int8(0, 0) == 1) answers.fetch_add(1);
            }
        });
    }
    for (auto& thread : threads)
        thread.join();
    CHECK(answers.load() == 200);
}

}  // namespace subcults
