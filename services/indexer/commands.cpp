#include "commands.hpp"

#include "app.hpp"
#include "base/build_info.hpp"
#include "service/cli.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>

namespace subcults::indexer {
namespace {

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
    app.run();
    return service::exit_ok;
}

}  // namespace

int run_command(int argc, char** argv) {
    IndexerConfig shown;
    CLI::App cli("Jetstream indexer of Subcults.\n");
    cli.set_version_flag("--version", service::version_line("subcults-indexer"));
    cli.footer("\n" + indexer_table(shown).help());
    try {
        cli.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return cli.exit(error) == 0 ? service::exit_ok : service::exit_usage;
    }
    return serve();
}

}  // namespace subcults::indexer
