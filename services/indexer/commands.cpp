#include "commands.hpp"

#include "app.hpp"
#include "backfill/backfill_commands.hpp"
#include "base/build_info.hpp"
#include "maintenance/one_shot.hpp"
#include "maintenance/quarantine_report.hpp"
#include "maintenance/quarantine_retry.hpp"
#include "maintenance/reshard.hpp"
#include "service/cli.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>

namespace subcults::indexer {

namespace asio = boost::asio;

namespace {

constexpr const char* consumer = "indexer";

int serve() {
    IndexerConfig config;
    if (!service::load_config(indexer_table(config))) return service::exit_usage;
    if (const auto errors = check_relations(config); !errors.empty()) {
        const std::string text = describe(errors);
        std::fputs(text.c_str(), stderr);
        return service::exit_usage;
    }
    if (config.database_direct_url.empty()) config.database_direct_url = config.database_url;
    Log log("indexer", log_level_from(config.log_level));
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
    return app.run() ? service::exit_ok : service::exit_failed;
}

int list_quarantine(const QuarantineQuery& query, bool json) {
    return run_one_shot(quarantine_report_statements(), [&](db::Connection& connection) {
        return print_quarantine(connection, query, json);
    });
}

int retry_quarantine(const RetrySelection& selection, bool json) {
    return run_one_shot(quarantine_retry_statements(), [&](db::Connection& connection) {
        return print_retry(connection, consumer, selection, json);
    });
}

asio::awaitable<int> print_reshard(db::Connection& connection, std::int32_t shards) {
    const auto done = co_await reshard(connection, consumer, shards);
    if (!done) {
        std::fprintf(stderr, "subcults-indexer reshard: %s\n", done.error().c_str());
        co_return service::exit_failed;
    }
    std::printf("shards: %d before, %d now; %lld cursors written\n", done->before, done->after,
                static_cast<long long>(done->cursors));
    co_return service::exit_ok;
}

int change_shards(std::int32_t shards) {
    return run_one_shot(reshard_statements(), [&](db::Connection& connection) {
        return print_reshard(connection, shards);
    });
}

}  // namespace

int run_command(int argc, char** argv) {
    IndexerConfig shown;
    CLI::App cli("Jetstream indexer of Subcults. Without a subcommand it serves.\n");
    cli.set_version_flag("--version", service::version_line("subcults-indexer"));
    cli.footer("\n" + indexer_table(shown).help());
    cli.require_subcommand(0, 1);
    const std::string variables = "\n" + one_shot_table(shown).help();

    CLI::App* quarantine = cli.add_subcommand("quarantine", "Frames that were set aside");
    quarantine->require_subcommand(1);
    bool json = false;
    CLI::App* list = quarantine->add_subcommand("list", "Show them, the latest first");
    QuarantineQuery query;
    list->add_option("--reason", query.reason, "Only this reason");
    list->add_option("--limit", query.limit, "How many at most (1 to 10000)")
        ->check(CLI::Range(1, 10'000));
    list->add_flag("--json", json, "One JSON object");
    list->footer(variables);
    CLI::App* retry = quarantine->add_subcommand(
        "retry", "Process them again, in the order of the stream; safe while indexers run");
    RetrySelection selection;
    retry->add_option("--reason", selection.reason, "Only this reason");
    retry->add_option("--fingerprint", selection.fingerprint,
                      "Only the frame whose fingerprint begins so (hexadecimal)");
    retry->add_option("--limit", selection.limit, "How many at most (1 to 10000)")
        ->check(CLI::Range(1, 10'000));
    retry->add_flag("--json", json, "One JSON object");
    retry->footer(variables);

    const BackfillCommands backfill(cli, variables);

    CLI::App* shards_command = cli.add_subcommand(
        "reshard", "Divide the accounts into another number of shards, while no indexer runs");
    std::int32_t shards = 0;
    shards_command->add_option("shards", shards, "How many (1 to 1024)")
        ->required()
        ->check(CLI::Range(1, 1024));
    shards_command->footer(variables);

    try {
        cli.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return cli.exit(error) == 0 ? service::exit_ok : service::exit_usage;
    }
    if (*list) return list_quarantine(query, json);
    if (*retry) return retry_quarantine(selection, json);
    if (*shards_command) return change_shards(shards);
    if (backfill.chosen()) return backfill.run();
    return serve();
}

}  // namespace subcults::indexer
