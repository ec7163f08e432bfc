#include "service/http_metrics.hpp"

#include "metrics/catalogue.hpp"

#include <string>

namespace subcults::service {

namespace catalogue = metrics::catalogue;

HttpMetrics::HttpMetrics(metrics::Registry& registry, const net::Router& router)
    : registry_(registry), connections_(registry.get(catalogue::http_connections)) {
    for (const auto& route : router.routes()) {
        RouteSeries series;
        series.pattern = route->pattern;
        routes_.push_back(std::move(series));
    }
    RouteSeries other;
    other.pattern = "other";
    routes_.push_back(std::move(other));
}

void HttpMetrics::observe(const net::RequestFacts& facts) {
    RouteSeries& series = facts.route != nullptr ? routes_[facts.route->index] : routes_.back();
    metrics::Counter*& counter = series.by_status[{facts.method, facts.status}];
    if (counter == nullptr) {
        const std::string status = std::to_string(facts.status);
        counter = &registry_.get(catalogue::http_requests_total,
                                 {net::to_string(facts.method), series.pattern, status});
    }
    metrics::Histogram*& duration = series.duration[facts.method];
    if (duration == nullptr) {
        duration = &registry_.get(catalogue::http_request_duration_seconds,
                                  {net::to_string(facts.method), series.pattern});
    }
    counter->increment();
    duration->observe(facts.seconds);
}

}  // namespace subcults::service
