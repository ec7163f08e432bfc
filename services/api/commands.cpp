#include "commands.hpp"

#include "app.hpp"
#include "audit/audit_commands.hpp"
#include "auth/jwt.hpp"
#include "base/build_info.hpp"
#include "schema/schema.hpp"
#include "service/cli.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <ctime>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

void direct_url_fallback(ApiConfig& config) {
    if (config.database_direct_url.empty()) config.database_direct_url = config.database_url;
}

int serve() {
    ApiConfig config;
    if (!service::load_config(api_table(config))) return service::exit_usage;
    direct_url_fallback(config);
    if (const std::string mistake = livekit::livekit_mistake(config.livekit); !mistake.empty()) {
        std::fprintf(stderr, "error: %s\n", mistake.c_str());
        return service::exit_usage;
    }
    Log log("api", log_level_from(config.log_level));
    service::raise_descriptor_limit();
    const BuildInfo& build = build_info();
    log.info("starting", {{"version", build.version}, {"revision", build.revision}});
    App app(config, log);
    const auto started = app.start();
    if (!started) {
        log.error("cannot start", {{"reason", started.error()}});
        log.flush();
        return service::exit_failed;
    }
    app.run();
    return service::exit_ok;
}

asio::awaitable<int> migrate_once(db::Connection& connection, Log& log) {
    auto connected = co_await connection.connect();
    if (!connected) {
        log.error("cannot reach the database", {{"error", connected.error().message}});
        co_return service::exit_failed;
    }
    auto deadline = deadline_in(std::chrono::minutes(10));
    auto applied = co_await schema::migrate(connection, log, deadline);
    connection.close();
    if (!applied) {
        log.error("migration failed", {{"error", applied.error()}});
        co_return service::exit_failed;
    }
    log.info("schema is up to date", {{"applied", *applied}});
    co_return service::exit_ok;
}

int migrate() {
    ApiConfig config;
    if (!service::load_config(migrate_table(config))) return service::exit_usage;
    direct_url_fallback(config);
    Log log("migrate", log_level_from(config.log_level));
    asio::io_context io{1};
    db::ConnectionOptions options;
    options.uri = config.database_direct_url;
    options.application_name = "subcults-api migrate";
    db::Connection connection(io.get_executor(), std::move(options));
    int status = service::exit_failed;
    asio::co_spawn(io, migrate_once(connection, log),
                   [&status, &log](std::exception_ptr failure, int result) {
                       status = result;
                       if (!failure) return;
                       status = service::exit_failed;
                       log.error("migration failed unexpectedly");
                   });
    io.run();
    log.flush();
    return status;
}

int make_token(const std::string& did, const std::string& role, std::int64_t ttl_seconds) {
    ApiConfig config;
    if (!service::load_config(token_table(config))) return service::exit_usage;
    if (!auth::is_did(did)) {
        std::fprintf(stderr, "subcults-api token: --did must be a DID, for example did:plc:abc\n");
        return service::exit_usage;
    }
    const std::string token =
        auth::mint_access_token(config.jwt_current.reveal(), did, role,
                                static_cast<std::int64_t>(std::time(nullptr)), ttl_seconds);
    std::printf("%s\n", token.c_str());
    return service::exit_ok;
}

}  // namespace

int run_command(int argc, char** argv) {
    ApiConfig shown;
    CLI::App cli("Streaming API of Subcults. Without a subcommand it serves.\n");
    cli.set_version_flag("--version", service::version_line("subcults-api"));
    cli.footer("\n" + api_table(shown).help());

    CLI::App* migrate_command =
        cli.add_subcommand("migrate", "Bring the database schema up to date");
    migrate_command->footer("\n" + migrate_table(shown).help());

    CLI::App* token_command = cli.add_subcommand("token", "Make an access token");
    token_command->footer("\n" + token_table(shown).help());
    std::string did;
    std::string role = "user";
    std::int64_t ttl_seconds = 900;
    token_command->add_option("--did", did, "Whose token")->required();
    token_command->add_option("--role", role, "user or admin")
        ->check(CLI::IsMember({"user", "admin"}));
    const std::map<std::string, std::int64_t> units{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    token_command
        ->add_option("--ttl", ttl_seconds, "How long it is valid: 900, 15m, 1h (at most 30d)")
        ->transform(
            CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::CASE_INSENSITIVE, "SECONDS"))
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{30} * 86400));
    const AuditCommands audit(cli);
    cli.require_subcommand(0, 1);

    try {
        cli.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return cli.exit(error) == 0 ? service::exit_ok : service::exit_usage;
    }
    if (*migrate_command) return migrate();
    if (audit.chosen()) return audit.run();
    if (*token_command) return make_token(did, role, ttl_seconds);
    return serve();
}

}  // namespace subcults::api
