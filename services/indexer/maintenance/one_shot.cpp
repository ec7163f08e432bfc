#include "maintenance/one_shot.hpp"

#include "service/cli.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdio>

namespace subcults::indexer {

namespace asio = boost::asio;

namespace {

using Command = std::function<asio::awaitable<int>(db::Connection&)>;

asio::awaitable<int> connected(db::Connection& connection, const Command& command) {
    const auto made = co_await connection.connect();
    if (!made) {
        const std::string why = db::describe(made.error());
        std::fprintf(stderr, "cannot reach the database: %s\n", why.c_str());
        co_return service::exit_failed;
    }
    const int status = co_await command(connection);
    connection.close();
    co_return status;
}

}  // namespace

ConfigTable one_shot_table(IndexerConfig& config) {
    ConfigTable table("subcults-indexer", "Operator commands of the indexer.");
    table.text("DATABASE_URL", config.database_url,
               {.required = true, .help = "PostgreSQL, as a libpq URI"});
    table.text("DATABASE_DIRECT_URL", config.database_direct_url,
               {.help = "the same database without a pooler between; unset = DATABASE_URL"});
    return table;
}

int run_one_shot(std::vector<db::Statement> statements, const Command& command) {
    IndexerConfig config;
    if (!service::load_config(one_shot_table(config))) return service::exit_usage;
    asio::io_context io{1};
    db::ConnectionOptions options;
    options.uri =
        config.database_direct_url.empty() ? config.database_url : config.database_direct_url;
    options.application_name = "subcults-indexer command";
    options.statements = std::move(statements);
    db::Connection connection(io.get_executor(), std::move(options));
    int status = service::exit_failed;
    asio::co_spawn(io, connected(connection, command),
                   [&status](std::exception_ptr failure, int result) {
                       if (!failure) {
                           status = result;
                           return;
                       }
                       try {
                           std::rethrow_exception(failure);
                       } catch (const std::exception& error) {
                           std::fprintf(stderr, "failed: %s\n", error.what());
                       }
                   });
    io.run();
    return status;
}

}  // namespace subcults::indexer
