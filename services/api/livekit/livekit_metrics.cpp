#include "livekit/livekit_metrics.hpp"

#include "metrics/catalogue.hpp"

namespace subcults::api::livekit {

namespace catalogue = metrics::catalogue;

// Looked up by label at each use (100 ns): beside a call over the network that is nothing.
LiveKitMetrics::LiveKitMetrics(metrics::Registry& registry)
    : circuit_open(registry.get(catalogue::livekit_circuit_open)),
      registry_(registry),
      outbox_pending_(registry.get(catalogue::livekit_outbox_pending)),
      inbox_pending_(registry.get(catalogue::livekit_inbox_pending)) {}

void LiveKitMetrics::request(std::string_view method, std::string_view outcome, double seconds) {
    registry_.get(catalogue::livekit_requests_total, {method, outcome}).increment();
    if (seconds < 0) return;
    registry_.get(catalogue::livekit_request_duration_seconds, {method}).observe(seconds);
}

void LiveKitMetrics::webhook(EventKind event, std::string_view outcome) {
    registry_.get(catalogue::livekit_webhooks_total, {to_string(event), outcome}).increment();
}

void LiveKitMetrics::repaired(std::string_view kind) {
    registry_.get(catalogue::livekit_repairs_total, {kind}).increment();
}

void LiveKitMetrics::pending(double outbox, double inbox) {
    outbox_pending_.set(outbox);
    inbox_pending_.set(inbox);
}

}  // namespace subcults::api::livekit
