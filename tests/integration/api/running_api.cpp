#include "integration/api/running_api.hpp"

#include "auth/jwt.hpp"
#include "base/uuid.hpp"
#include "openapi/held_to.hpp"

#include <ctime>
#include <stdexcept>

namespace subcults::test {

namespace {

const std::string jwt_secret(32, 'j');

}  // namespace

Process::Environment RunningApi::environment(const std::string& database_url) {
    return {{"DATABASE_URL", database_url},
            {"API_LISTEN", "127.0.0.1:0"},
            {"JWT_SECRET_CURRENT", jwt_secret},
            {"PRIVACY_HMAC_KEY", std::string(32, 'p')},
            {"API_THREADS", "2"},
            // Tests come from one address and are slow under sanitizers; those that are about
            // limits set their own.
            {"API_RATE_LIMIT_PER_MINUTE", "0"},
            {"API_RATE_LIMIT_JOINS_PER_MINUTE", "0"},
            {"API_RATE_LIMIT_LEAVES_PER_MINUTE", "0"},
            {"API_RATE_LIMIT_TOKENS_PER_MINUTE", "0"},
            {"API_RATE_LIMIT_QUALITY_PER_MINUTE", "0"},
            // Tests change rows behind the API's back.
            {"API_CACHE_MAX_AGE_MS", "0"},
            {"API_SHED_LAG_MS", "0"}};
}

RunningApi::RunningApi(const std::string& database_url, Process::Environment extra)
    : contract_(Contract::load(SUBCULTS_OPENAPI_DIR "/subcults-api.json")) {
    Process::Environment variables = environment(database_url);
    for (auto& [name, value] : extra)
        variables[name] = value;
    process_ = std::make_unique<Process>(std::vector{program("subcults-api")}, variables);
    port_ = process_->listening_port();
    eventually("the API is ready", [this] { return client().get("/health/ready").status == 200; });
}

HttpClient RunningApi::client() const {
    return HttpClient(port_, held_to(contract_));
}

std::string RunningApi::token(const std::string& did, const std::string& role) {
    return auth::mint_access_token(jwt_secret, did, role, std::time(nullptr), 900);
}

double RunningApi::metric(std::string_view series) const {
    return test::metric(client().get("/metrics").body, series);
}

std::string add_scene(const TestDatabase& database, const std::string& owner_did,
                      const std::string& name) {
    const std::string rkey = uuid_v7().to_string();
    const std::string uri = "at://" + owner_did + "/tv.subcult.scene/" + rkey;
    const std::string id = uuid_v5(uuid_namespace_url, uri).to_string();
    database.execute("INSERT INTO scenes (id, uri, owner_did, rev, name) VALUES ('" + id + "','" +
                     uri + "','" + owner_did + "','3mptbypluud2a','" + name + "')");
    return id;
}

std::string create_stream(const TestDatabase& database, RunningApi& api, const std::string& host) {
    const std::string scene = add_scene(database, host);
    const Answer created =
        api.client().post("/streams", RunningApi::as(host), "{\"scene_id\":\"" + scene + "\"}");
    if (created.status != 201) throw std::runtime_error("no stream: " + created.body);
    return created.json()["id"].GetString();
}

}  // namespace subcults::test
