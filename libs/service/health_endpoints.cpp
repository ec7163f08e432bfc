#include "service/health_endpoints.hpp"

#include "base/json_writer.hpp"
#include "base/time.hpp"

#include <chrono>

namespace subcults::service {

namespace asio = boost::asio;

namespace {

std::int64_t uptime(SteadyClock::time_point since) {
    return std::chrono::duration_cast<std::chrono::seconds>(SteadyClock::now() - since).count();
}

net::Response respond(unsigned status, std::string body) {
    net::Response response = net::json_response(status, std::move(body));
    response.headers.emplace_back("Cache-Control", "no-store");
    if (status == 503) response.headers.emplace_back("Retry-After", "1");
    return response;
}

asio::awaitable<net::Response> live(SteadyClock::time_point since) {
    JsonWriter json;
    json.begin_object().field("status", "up").field("uptime_s", uptime(since)).end_object();
    co_return respond(200, json.take());
}

asio::awaitable<net::Response> ready(Readiness readiness, SteadyClock::time_point since) {
    JsonWriter json;
    json.begin_object()
        .field("status", readiness.ready ? "up" : "unhealthy")
        .key("checks")
        .begin_object();
    for (const Readiness::Detail& check : readiness.checks) {
        json.key(check.name);
        check.json ? json.raw(check.value) : json.value(check.value);
    }
    json.end_object().field("uptime_s", uptime(since)).end_object();
    co_return respond(readiness.ready ? 200 : 503, json.take());
}

}  // namespace

void add_liveness(net::Router& router) {
    const auto since = SteadyClock::now();
    router.add(net::Method::get, "/health/live", {},
               [since](net::Request&) { return live(since); });
}

void add_readiness(net::Router& router, std::function<Readiness()> ask) {
    const auto since = SteadyClock::now();
    router.add(net::Method::get, "/health/ready", {},
               [since, ask = std::move(ask)](net::Request&) { return ready(ask(), since); });
}

}  // namespace subcults::service
