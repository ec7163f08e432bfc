// The description of the indexer against the router that it serves with. Nothing is started: no
// port, no database.
#include "app.hpp"
#include "openapi/contract.hpp"
#include "openapi/routes.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::test;

namespace {

std::vector<std::string> served() {
    const Variables variables{
        {"DATABASE_URL", "postgresql://nowhere.invalid/none"},
        {"INDEXER_LISTEN", "127.0.0.1:0"},
    };
    indexer::IndexerConfig config;
    configure(indexer::indexer_table(config), variables);
    if (config.database_direct_url.empty()) config.database_direct_url = config.database_url;
    Log log("indexer", LogLevel::off);
    const indexer::App app(config, log);
    return route_names(app.router());
}

std::vector<std::string> described() {
    return sorted(Contract::load(SUBCULTS_OPENAPI_DIR "/subcults-indexer.json")->operations());
}

}  // namespace

TEST_CASE("every route of the indexer is described") {
    const auto routes = served();
    CHECK(routes.size() >= 4);
    CHECK(missing(routes, described()) == std::vector<std::string>());
}

TEST_CASE("every operation that the indexer's description promises has a route") {
    CHECK(missing(described(), served()) == std::vector<std::string>());
}
