// What the streaming handlers count beside the ledger's own counters.
#pragma once

#include "metrics/registry.hpp"

namespace subcults::api {

struct StreamMetrics {
    metrics::Histogram& join_latency;
    metrics::Counter& latency_rejected_future;
    metrics::Counter& latency_rejected_too_old;

    static StreamMetrics make(metrics::Registry& registry);
};

}  // namespace subcults::api
