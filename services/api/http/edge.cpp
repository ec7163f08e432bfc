#include "http/edge.hpp"

#include "base/crypto.hpp"
#include "http/security_headers.hpp"
#include "metrics/catalogue.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>

namespace subcults::api {
namespace {

// Limits per user, beside the general one per address: for what any user may do at any stream and
// what is written down or counted each time, so that none makes another's chain grow without end.
struct RouteLimit {
    net::Method method;
    std::string_view pattern;
    LimitClass limit_class;
};
constexpr std::array route_limits{
    RouteLimit{net::Method::post, "/streams/{id}/join", LimitClass::joins},
    RouteLimit{net::Method::post, "/streams/{id}/leave", LimitClass::leaves},
    RouteLimit{net::Method::post, "/streams/{id}/token", LimitClass::tokens},
    RouteLimit{net::Method::post, "/telemetry/client-errors", LimitClass::client_errors},
    RouteLimit{net::Method::post, "/streams/{id}/quality-metrics", LimitClass::quality_reports},
};

// Whoever watches or restarts the service must see it, most of all when it is overloaded.
constexpr std::array<std::string_view, 3> essential{"/health/live", "/health/ready", "/metrics"};

// Other servers call these: they come from few addresses, prove who they are, and what they report
// is lost or late when it is refused.
constexpr std::string_view unlimited_prefix = "/internal/";

std::uint64_t random_seed() {
    std::array<std::uint8_t, 8> bytes{};
    random_bytes(bytes);
    std::uint64_t seed = 0;
    std::memcpy(&seed, bytes.data(), bytes.size());
    return seed;
}

}  // namespace

Edge::Edge(const EdgeConfig& config, metrics::Registry& registry)
    : config_(config),
      cors_(config.cors_origins),
      addresses_(config.proxy_blocks()),
      limits_(config.limits(), random_seed(), registry) {
    for (std::size_t i = 0; i < shed_.size(); ++i) {
        const auto reason = static_cast<net::ShedReason>(i);
        shed_[i] = &registry.get(metrics::catalogue::http_requests_shed_total, {to_string(reason)});
    }
}

void Edge::protect(net::Router& router) {
    for (const auto& route : router.routes()) {
        if (std::find(essential.begin(), essential.end(), route->pattern) != essential.end()) {
            route->options.essential = true;
        }
    }
    for (const RouteLimit& limit : route_limits) {
        const auto& routes = router.routes();
        const auto found = std::find_if(routes.begin(), routes.end(), [&](const auto& route) {
            return route->method == limit.method && route->pattern == limit.pattern;
        });
        if (found == routes.end()) {
            throw std::logic_error("no route for the limit of " + std::string(limit.pattern));
        }
        if (limits_.enabled(limit.limit_class)) {
            (*found)->options.guards.push_back(limits_.user_guard(limit.limit_class));
        }
    }
}

void Edge::configure(net::ServerOptions& options) const {
    SecurityHeaders headers;
    headers.hsts = config_.hsts;
    headers.vary_by_origin = cors_.enabled();
    options.common_headers = security_header_lines(headers);
    options.load.handlers = static_cast<std::size_t>(config_.max_concurrent_requests);
    options.load.lag = std::chrono::milliseconds(config_.shed_lag_ms);
    options.header_timeout = std::chrono::milliseconds(config_.head_timeout_ms);
    options.body_timeout = std::chrono::milliseconds(config_.body_timeout_ms);
}

void Edge::install(net::ServerHooks& hooks) {
    hooks.admit = [this](net::Request& request, const net::Route* route) {
        return admit(request, route);
    };
    hooks.on_shed = [this](net::ShedReason reason) {
        shed_[static_cast<std::size_t>(reason)]->increment();
    };
}

std::optional<net::Response> Edge::admit(net::Request& request, const net::Route* route) {
    if (auto preflight = cors_.handle(request)) return preflight;
    if (!limits_.enabled(LimitClass::general)) return std::nullopt;
    if (route != nullptr &&
        (route->options.essential || route->pattern.starts_with(unlimited_prefix))) {
        return std::nullopt;
    }
    return limits_.apply(LimitClass::general, addresses_.of(request).bytes(), request);
}

}  // namespace subcults::api
