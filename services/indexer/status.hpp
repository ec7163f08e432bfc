// Where the indexer stands, for readiness probes and for operators.
#pragma once

#include "queue/event_queue.hpp"
#include "service/database_health.hpp"
#include "service/health_endpoints.hpp"
#include "state.hpp"

#include <string>
#include <vector>

namespace subcults::indexer {

// Reads only; safe from any thread. What it refers to must outlive it.
class Status {
  public:
    Status(const IndexerState& state, const EventQueue& queue,
           const service::DatabaseHealth& database, std::vector<std::string> hosts)
        : state_(state), queue_(queue), database_(database), hosts_(std::move(hosts)) {}

    // Ready = the database answers and the writer loop turns (in standby, too). A Jetstream that
    // is away does not make an indexer that could be replaced by a better one.
    service::Readiness readiness(bool draining) const;
    // The page behind /internal/indexer/status.
    std::string json() const;
    double lag_seconds() const;
    const std::string& endpoint() const { return hosts_[state_.endpoint.load()]; }

  private:
    bool writer_turns() const noexcept;
    const IndexerState& state_;
    const EventQueue& queue_;
    const service::DatabaseHealth& database_;
    std::vector<std::string> hosts_;
};

}  // namespace subcults::indexer
