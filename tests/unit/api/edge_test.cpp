#include "http/edge.hpp"

#include "fake_request.hpp"

#include <catch2/catch.hpp>

#include <set>
#include <stdexcept>
#include <string>

using namespace subcults;
using namespace subcults::api;
using test::FakeRequest;

namespace {

boost::asio::awaitable<net::Response> nothing(net::Request&) {
    co_return net::json_response(200, "{}");
}

void add(net::Router& router, net::Method method, std::string_view pattern) {
    router.add(method, pattern, {}, nothing);
}

net::Router whole_router() {
    net::Router router;
    add(router, net::Method::get, "/health/live");
    add(router, net::Method::get, "/health/ready");
    add(router, net::Method::get, "/metrics");
    add(router, net::Method::get, "/streams");
    add(router, net::Method::post, "/streams/{id:uuid}/join");
    add(router, net::Method::post, "/streams/{id:uuid}/leave");
    add(router, net::Method::post, "/streams/{id:uuid}/token");
    add(router, net::Method::post, "/streams/{id:uuid}/end");
    add(router, net::Method::post, "/telemetry/client-errors");
    add(router, net::Method::post, "/streams/{id:uuid}/quality-metrics");
    add(router, net::Method::post, "/internal/livekit/webhook");
    return router;
}

const net::Route& find(const net::Router& router, std::string_view pattern) {
    for (const auto& route : router.routes()) {
        if (route->pattern == pattern) return *route;
    }
    throw std::runtime_error("no such route");
}

struct Fixture {
    explicit Fixture(EdgeConfig with = {}) : config(std::move(with)), edge(config, registry) {
        edge.protect(router);
        edge.install(hooks);
    }
    std::optional<net::Response> admit(std::string_view pattern) {
        FakeRequest request;
        return hooks.admit(request, pattern.empty() ? nullptr : &find(router, pattern));
    }

    EdgeConfig config;
    metrics::Registry registry{metrics::Scope::api};
    net::Router router = whole_router();
    Edge edge;
    net::ServerHooks hooks;
};

EdgeConfig three_requests() {
    EdgeConfig config;
    config.general_burst = 3;
    config.general_per_minute = 1;
    return config;
}

}  // namespace

TEST_CASE("limits per user stand on the routes that have one, and only there") {
    const Fixture fixture;
    for (const char* pattern : {"/streams/{id}/join", "/streams/{id}/leave", "/streams/{id}/token",
                                "/telemetry/client-errors", "/streams/{id}/quality-metrics"}) {
        INFO(pattern);
        CHECK(find(fixture.router, pattern).options.guards.size() == 1);
    }
    CHECK(find(fixture.router, "/streams/{id}/end").options.guards.empty());
    CHECK(find(fixture.router, "/streams").options.guards.empty());

    EdgeConfig off;
    off.joins_per_minute = 0;
    off.leaves_per_minute = 0;
    const Fixture unlimited(off);
    CHECK(find(unlimited.router, "/streams/{id}/join").options.guards.empty());
    CHECK(find(unlimited.router, "/streams/{id}/leave").options.guards.empty());
    CHECK(find(unlimited.router, "/streams/{id}/token").options.guards.size() == 1);
}

TEST_CASE("each limit per user is a bucket of its own") {
    EdgeConfig config;
    config.joins_per_minute = 1;
    config.leaves_per_minute = 2;
    config.tokens_per_minute = 3;
    config.client_errors_per_minute = 4;
    config.quality_reports_per_minute = 5;
    const Fixture fixture(config);
    std::set<std::string> sizes;
    for (const char* pattern : {"/streams/{id}/join", "/streams/{id}/leave", "/streams/{id}/token",
                                "/telemetry/client-errors", "/streams/{id}/quality-metrics"}) {
        FakeRequest request;
        request.principal.did = "did:plc:a";
        CHECK_FALSE(find(fixture.router, pattern).options.guards.front()(request).has_value());
        sizes.insert(request.answer_header("X-RateLimit-Limit"));
    }
    CHECK(sizes == std::set<std::string>{"1", "2", "3", "4", "5"});
}

TEST_CASE("health checks and scrapes are essential, nothing else is") {
    const Fixture fixture;
    int essential = 0;
    for (const auto& route : fixture.router.routes())
        essential += route->options.essential ? 1 : 0;
    CHECK(essential == 3);
    CHECK(find(fixture.router, "/metrics").options.essential);
    CHECK(find(fixture.router, "/health/ready").options.essential);
}

TEST_CASE("a route that should be limited but is not there is noticed at start") {
    EdgeConfig config;
    metrics::Registry registry{metrics::Scope::api};
    Edge edge(config, registry);
    net::Router router;
    add(router, net::Method::get, "/streams");
    CHECK_THROWS_AS(edge.protect(router), std::logic_error);
}

TEST_CASE("everything but health, metrics and webhooks counts against an address") {
    Fixture fixture(three_requests());
    CHECK_FALSE(fixture.admit("/streams").has_value());
    CHECK_FALSE(fixture.admit("").has_value());  // an unknown path
    CHECK_FALSE(fixture.admit("/streams/{id}/join").has_value());
    for (const char* pattern : {"/streams", "", "/streams/{id}/join"}) {
        const auto refused = fixture.admit(pattern);
        REQUIRE(refused.has_value());
        CHECK(refused->status == 429);
    }
    for (const char* pattern :
         {"/health/live", "/health/ready", "/metrics", "/internal/livekit/webhook"}) {
        CHECK_FALSE(fixture.admit(pattern).has_value());
    }
}

TEST_CASE("a preflight costs no token and needs none") {
    EdgeConfig config = three_requests();
    config.general_burst = 1;
    config.cors_origins = {"https://app.subcult.tv"};
    Fixture fixture(config);
    for (int i = 0; i < 5; ++i) {
        FakeRequest preflight;
        preflight.asked_method = net::Method::options;
        preflight.headers = {{"Origin", "https://app.subcult.tv"},
                             {"Access-Control-Request-Method", "POST"}};
        const auto answer = fixture.hooks.admit(preflight, nullptr);
        REQUIRE(answer.has_value());
        CHECK(answer->status == 204);
    }
    CHECK_FALSE(fixture.admit("/streams").has_value());
    CHECK(fixture.admit("/streams").has_value());
}

TEST_CASE("the settings of overload and timeouts reach the server") {
    EdgeConfig config;
    config.max_concurrent_requests = 7;
    config.shed_lag_ms = 90;
    config.head_timeout_ms = 500;
    const Fixture fixture(config);
    net::ServerOptions options;
    fixture.edge.configure(options);
    CHECK(options.load.handlers == 7);
    CHECK(options.load.lag == std::chrono::milliseconds(90));
    CHECK(options.header_timeout == std::chrono::milliseconds(500));
    CHECK(options.common_headers.find("nosniff") != std::string::npos);
    CHECK(options.common_headers.find("Vary") == std::string::npos);
}
