#include "streams/stream_metrics.hpp"

#include "metrics/catalogue.hpp"

namespace subcults::api {

StreamMetrics StreamMetrics::make(metrics::Registry& registry) {
    namespace catalogue = metrics::catalogue;
    return StreamMetrics{registry.get(catalogue::stream_join_latency_seconds),
                         registry.get(catalogue::stream_join_latency_rejected_total, {"future"}),
                         registry.get(catalogue::stream_join_latency_rejected_total, {"too_old"})};
}

}  // namespace subcults::api
