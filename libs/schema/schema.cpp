#include "schema/schema.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace asio = boost::asio;

namespace subcults::schema {

namespace {

using db::DbResult;
using db::Error;
using db::Rows;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr auto poll_interval = std::chrono::milliseconds(100);

// Any number will do as long as nothing else in the database takes it.
constexpr std::string_view try_lock = "SELECT pg_try_advisory_lock(6003953261893449829)";
constexpr std::string_view unlock = "SELECT pg_advisory_unlock(6003953261893449829)";

constexpr std::string_view history_exists = "SELECT to_regclass('schema_migrations') IS NOT NULL";
constexpr std::string_view create_history = R"(
CREATE TABLE schema_migrations (
    number int PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    compatible_from int NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
))";
constexpr std::string_view read_history =
    "SELECT number, compatible_from, name, checksum FROM schema_migrations ORDER BY number";
constexpr std::string_view summarise =
    "SELECT coalesce(max(number), 0), coalesce(max(compatible_from), 0) FROM schema_migrations";

std::string literal(std::string_view text) {
    std::string quoted = "'";
    for (const char c : text) {
        if (c == '\'') quoted.push_back('\'');
        quoted.push_back(c);
    }
    quoted.push_back('\'');
    return quoted;
}

std::string insert_row(const Migration& migration) {
    std::string sql =
        "INSERT INTO schema_migrations (number, name, checksum, compatible_from) VALUES (";
    sql.append(std::to_string(migration.number)).append(", ");
    sql.append(literal(migration.name)).append(", ");
    sql.append(literal(migration.checksum)).append(", ");
    sql.append(std::to_string(migration.compatible_from)).append(")");
    return sql;
}

asio::awaitable<DbResult<Rows>> ask(db::Connection& connection, std::string_view sql,
                                    Deadline deadline) {
    db::Pipeline pipeline;
    pipeline.command(sql);
    auto result = co_await connection.run("schema", std::move(pipeline), deadline);
    if (!result) co_return std::move(result).error();
    if (!result->ok()) co_return std::move(*result->error);
    co_return std::move(result->rows.front());
}

asio::awaitable<void> pause() {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, poll_interval);
    static_cast<void>(co_await timer.async_wait(as_result));
}

// Polled rather than waited for: a waiting statement holds a snapshot.
asio::awaitable<Result<void, std::string>> lock(db::Connection& connection, Log& log,
                                                Deadline deadline) {
    for (bool told = false;; told = true) {
        const auto answer = co_await ask(connection, try_lock, deadline);
        if (!answer) co_return "the migration lock: " + describe(answer.error());
        if (answer->boolean(0, 0)) co_return Result<void, std::string>();
        if (SteadyClock::now() + poll_interval >= deadline) {
            co_return std::string("another process is still migrating this database");
        }
        if (!told) log.info("waiting for another process to finish migrating");
        co_await pause();
    }
}

asio::awaitable<DbResult<std::vector<Applied>>> load_history(db::Connection& connection,
                                                             Deadline deadline) {
    const auto exists = co_await ask(connection, history_exists, deadline);
    if (!exists) co_return exists.error();
    if (!exists->boolean(0, 0)) {
        const auto created = co_await connection.execute(std::string(create_history), deadline);
        if (!created) co_return created.error();
        co_return std::vector<Applied>();
    }
    const auto rows = co_await ask(connection, read_history, deadline);
    if (!rows) co_return rows.error();
    std::vector<Applied> applied;
    for (int row = 0; row < rows->size(); ++row) {
        Applied migration;
        migration.number = rows->int4(row, 0);
        migration.compatible_from = rows->int4(row, 1);
        migration.name = rows->text(row, 2);
        migration.checksum = rows->text(row, 3);
        applied.push_back(std::move(migration));
    }
    co_return applied;
}

Error mistake(std::string message) {
    Error error;
    error.kind = db::ErrorKind::protocol;
    error.message = std::move(message);
    return error;
}

asio::awaitable<DbResult<void>> apply_once(db::Connection& connection, const Migration& migration,
                                           Deadline deadline) {
    auto done = co_await connection.execute("BEGIN; SET LOCAL lock_timeout = '5s'", deadline);
    if (!done) co_return done;
    done = co_await connection.execute(std::string(migration.sql), deadline);
    if (!done) co_return done;
    if (connection.idle()) co_return mistake("it ends the transaction that it runs in");
    db::Pipeline finish;
    finish.command(insert_row(migration)).command("COMMIT");
    auto result = co_await connection.run("schema", std::move(finish), deadline);
    if (!result) co_return std::move(result).error();
    if (!result->ok()) co_return std::move(*result->error);
    if (result->rows.back().command() != "COMMIT") co_return mistake("it was rolled back");
    co_return DbResult<void>();
}

asio::awaitable<DbResult<void>> apply(db::Connection& connection, const Migration& migration,
                                      Deadline deadline) {
    for (;;) {
        const auto done = co_await apply_once(connection, migration, deadline);
        if (done) co_return done;
        if (connection.connected() && !connection.idle()) {
            static_cast<void>(co_await connection.execute("ROLLBACK", deadline));
        }
        // Busy tables and deadlocks pass; a lost connection took the lock with it.
        const auto& failure = done.error();
        const bool passes = failure.kind == db::ErrorKind::server && failure.transient();
        const bool time_left = SteadyClock::now() + poll_interval < deadline;
        if (!passes || !time_left || !connection.connected()) co_return done;
        co_await pause();
    }
}

asio::awaitable<Result<int, std::string>> apply_pending(db::Connection& connection,
                                                        std::span<const Migration> known, Log& log,
                                                        Deadline deadline) {
    const auto applied = co_await load_history(connection, deadline);
    if (!applied) co_return "the list of migrations: " + describe(applied.error());
    const auto todo = pending(known, *applied);
    if (!todo) co_return todo.error();
    for (const auto& migration : *todo) {
        const auto start = SteadyClock::now();
        const auto done = co_await apply(connection, migration, deadline);
        if (!done) {
            std::string message = "migration ";
            message.append(std::to_string(migration.number)).append(" (");
            message.append(migration.name).append("): ").append(describe(done.error()));
            co_return message;
        }
        const std::chrono::duration<double> taken = SteadyClock::now() - start;
        log.info(
            "migration applied",
            {{"number", migration.number}, {"name", migration.name}, {"seconds", taken.count()}});
    }
    co_return static_cast<int>(todo->size());
}

int highest(std::span<const Migration> known) noexcept {
    return known.empty() ? 0 : known.back().number;
}

}  // namespace

asio::awaitable<Result<int, std::string>> migrate(db::Connection& connection,
                                                  std::span<const Migration> known, Log& log,
                                                  Deadline deadline) {
    const auto locked = co_await lock(connection, log, deadline);
    if (!locked) co_return locked.error();
    auto outcome = co_await apply_pending(connection, known, log, deadline);
    // The time may be up, the lock has to go all the same. Without a connection it has gone.
    const auto last_chance = std::max(deadline, deadline_in(std::chrono::seconds(5)));
    if (connection.connected()) {
        const auto unlocked = co_await ask(connection, unlock, last_chance);
        if (!unlocked) connection.close();
    }
    co_return outcome;
}

asio::awaitable<Result<int, std::string>> migrate(db::Connection& connection, Log& log,
                                                  Deadline deadline) {
    return migrate(connection, migrations(), log, deadline);
}

asio::awaitable<DbResult<Check>> check(db::Connection& connection, std::span<const Migration> known,
                                       Deadline deadline) {
    Check result;
    result.known = highest(known);
    const auto summary = co_await ask(connection, summarise, deadline);
    if (summary) {
        result.applied = summary->int4(0, 0);
        result.compatible_from = summary->int4(0, 1);
    } else if (summary.error().sqlstate != "42P01") {  // undefined_table: a database never migrated
        co_return summary.error();
    }
    result.verdict = judge(result.known, result.applied, result.compatible_from);
    co_return result;
}

asio::awaitable<DbResult<Check>> check(db::Connection& connection, Deadline deadline) {
    return check(connection, migrations(), deadline);
}

}  // namespace subcults::schema
