// Metrics of the HTTP servers of both services. See catalogue.hpp.
#pragma once

#include "metrics/definition.hpp"

#include <string_view>

namespace subcults::metrics::catalogue {

inline constexpr std::string_view http_methods[] = {"GET",   "HEAD",   "POST",    "PUT",
                                                    "PATCH", "DELETE", "OPTIONS", "other"};

inline constexpr Label http_requests_labels[] = {{"method", http_methods}, {"route"}, {"status"}};
inline constexpr CounterDef http_requests_total{{
    .name = "http_requests_total",
    .help = "HTTP requests answered, by method, route and status.",
    .labels = http_requests_labels,
    .counts = "One answer written, errors of the protocol included. `route` is the pattern of the "
              "route and never the path; `other` when no route matched.",
    .bounded_by = "the route table and the statuses in use",
}};

// With a bound at 0.3, where the latency objective of the API lies.
inline constexpr std::string_view http_duration_bounds[] = {
    "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1",
    "0.2",   "0.3",    "0.5",   "1",    "2.5",   "5",    "10"};
inline constexpr Label http_duration_labels[] = {{"method", http_methods}, {"route"}};
inline constexpr HistogramDef http_request_duration_seconds{{
    .name = "http_request_duration_seconds",
    .help = "Seconds from the end of a request's head to the end of its answer.",
    .labels = http_duration_labels,
    .bounds = http_duration_bounds,
    .counts = "One sample per request that `http_requests_total` counts.",
    .bounded_by = "the route table",
}};

inline constexpr GaugeDef http_connections{{
    .name = "http_connections",
    .help = "Open HTTP connections.",
    .counts = "Over all workers, idle ones included.",
}};

inline constexpr std::string_view http_shed_reasons[] = {"connections", "concurrency", "lag"};
inline constexpr Label http_shed_labels[] = {{"reason", http_shed_reasons}};
inline constexpr CounterDef http_requests_shed_total{{
    .name = "http_requests_shed_total",
    .help = "Requests and connections turned away because of overload.",
    .labels = http_shed_labels,
    .counts = "One answer 503 `overloaded` that kept work from a worker that has too much: too "
              "many `connections`, too many requests under way (`concurrency`), or an event loop "
              "that runs late (`lag`).",
}};

inline constexpr std::string_view rate_limit_classes[] = {
    "general", "joins", "leaves", "tokens", "client_errors", "quality_reports"};
inline constexpr Label rate_limit_labels[] = {{"class", rate_limit_classes}};
inline constexpr CounterDef rate_limit_rejected_total{{
    .scope = Scope::api,
    .name = "rate_limit_rejected_total",
    .help = "Requests refused by a rate limit.",
    .labels = rate_limit_labels,
    .counts = "One answer 429, by the limit that was used up: `general` per client address, the "
              "others per user.",
}};

inline constexpr const Definition* http_metrics[] = {
    &http_requests_total,      &http_request_duration_seconds, &http_connections,
    &http_requests_shed_total, &rate_limit_rejected_total,
};

}  // namespace subcults::metrics::catalogue
