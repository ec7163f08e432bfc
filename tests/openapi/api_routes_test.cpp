// The description of the API against the router that it serves with. Nothing is started: no port,
// no database.
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
        {"API_LISTEN", "127.0.0.1:0"},
        {"API_THREADS", "1"},
        {"JWT_SECRET_CURRENT", std::string(32, 'j')},
        {"PRIVACY_HMAC_KEY", std::string(32, 'p')},
    };
    api::ApiConfig config;
    configure(api::api_table(config), variables);
    if (config.database_direct_url.empty()) config.database_direct_url = config.database_url;
    Log log("api", LogLevel::off);
    const api::App app(config, log);
    return route_names(app.router());
}

std::vector<std::string> described() {
    return sorted(Contract::load(SUBCULTS_OPENAPI_DIR "/subcults-api.json")->operations());
}

}  // namespace

TEST_CASE("every route of the API is described") {
    const auto routes = served();
    CHECK(routes.size() >= 20);
    CHECK(missing(routes, described()) == std::vector<std::string>());
}

TEST_CASE("every operation that the API's description promises has a route") {
    CHECK(missing(described(), served()) == std::vector<std::string>());
}
