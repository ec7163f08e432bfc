// What the database tests share.
#pragma once

#include "db/connection.hpp"
#include "support/asio_test.hpp"
#include "support/catch_result.hpp"
#include "support/postgres.hpp"

#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::db {

namespace asio = boost::asio;
using test::eventually;
using test::run;
using test::TestDatabase;
using test::TestPostgres;

inline Deadline soon() {
    return deadline_in(std::chrono::seconds(20));
}

inline ConnectionOptions options_for(const std::string& url,
                                     std::vector<Statement> statements = {}) {
    ConnectionOptions options;
    options.uri = url;
    options.application_name = "integration_db";
    options.statements = std::move(statements);
    return options;
}

inline Statement statement(std::string_view name, std::string_view sql) {
    Statement result;
    result.name = name;
    result.sql = sql;
    return result;
}

// An operation that runs beside the test.
template <class T>
struct Background {
    bool done = false;
    std::exception_ptr failed;
    std::optional<T> value;
};

template <class T>
std::shared_ptr<Background<T>> start(const asio::any_io_executor& executor,
                                     asio::awaitable<T> operation) {
    auto state = std::make_shared<Background<T>>();
    asio::co_spawn(executor, std::move(operation), [state](std::exception_ptr failed, T value) {
        state->done = true;
        state->failed = failed;
        if (!failed) state->value.emplace(std::move(value));
    });
    return state;
}

// True once this session is executing something: then what was sent has arrived.
inline bool executing(const TestDatabase& database, int pid) {
    return database.execute("SELECT state FROM pg_stat_activity WHERE pid = " +
                            std::to_string(pid)) == "active";
}

inline constexpr Statement one{"one", "SELECT 1::int8"};
inline constexpr Statement sleep_long{"sleep_long", "SELECT pg_sleep(600)"};

}  // namespace subcults::db
