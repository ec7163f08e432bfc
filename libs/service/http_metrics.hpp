// http_* series of one worker: counters are found by table, not by label, on the request path.
#pragma once

#include "metrics/registry.hpp"
#include "net/server.hpp"

#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace subcults::service {

// Not thread-safe: one per worker. The series behind it are shared by all workers.
class HttpMetrics {
  public:
    HttpMetrics(metrics::Registry& registry, const net::Router& router);

    void observe(const net::RequestFacts& facts);
    void connection(int delta) { connections_.add(delta); }

  private:
    struct RouteSeries {
        std::string pattern;
        std::map<std::pair<net::Method, unsigned>, metrics::Counter*> by_status;
        std::map<net::Method, metrics::Histogram*> duration;
    };
    metrics::Registry& registry_;
    metrics::Gauge& connections_;
    std::vector<RouteSeries> routes_;  // by Route::index; the last one is "other"
};

}  // namespace subcults::service
