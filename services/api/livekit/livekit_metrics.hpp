// What the dealings with LiveKit are counted by. References to the service's registry; every method
// is safe from any thread.
#pragma once

#include "livekit/messages.hpp"
#include "metrics/registry.hpp"

#include <string_view>

namespace subcults::api::livekit {

class LiveKitMetrics {
  public:
    explicit LiveKitMetrics(metrics::Registry& registry);

    // Outcomes as the catalogue names them; others become "other". `seconds` below zero = not sent.
    void request(std::string_view method, std::string_view outcome, double seconds);
    void webhook(EventKind event, std::string_view outcome);
    void repaired(std::string_view kind);
    void pending(double outbox, double inbox);

    metrics::Gauge& circuit_open;

  private:
    metrics::Registry& registry_;
    metrics::Gauge& outbox_pending_;
    metrics::Gauge& inbox_pending_;
};

}  // namespace subcults::api::livekit
