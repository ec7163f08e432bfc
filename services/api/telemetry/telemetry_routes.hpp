// POST /telemetry/client-errors: failures that only clients see, as a counter per type.
//
// 202 `{"accepted":n}` with the number of entries; they are counted by then. Browsers that leave a
// page use fetch with `keepalive`, since sendBeacon cannot send an Authorization header.
#pragma once

#include "metrics/registry.hpp"
#include "net/router.hpp"
#include "telemetry/client_errors.hpp"

#include <array>

namespace subcults::api {

// The counters of all types, resolved once. Thread-safe.
class ClientErrorMetrics {
  public:
    explicit ClientErrorMetrics(metrics::Registry& registry);
    void add(const ClientErrorReport& report) noexcept;

  private:
    std::array<metrics::Counter*, client_error_type_count> counters_{};
};

// Adds the route to one worker's router. `metrics` must outlive it.
void add_telemetry_routes(net::Router& router, const net::Guard& user, ClientErrorMetrics& metrics);

}  // namespace subcults::api
