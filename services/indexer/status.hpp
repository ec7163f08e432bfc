// Where the indexer stands, for readiness probes and for operators (docs/operations.md explains
// every field of the page).
#pragma once

#include "base/json_writer.hpp"
#include "indexer_metrics.hpp"
#include "queue/event_queue.hpp"
#include "service/database_health.hpp"
#include "service/health_endpoints.hpp"
#include "state.hpp"

#include <string>
#include <vector>

namespace subcults::indexer {

struct StatusOptions {
    std::vector<std::string> hosts;  // by endpoint, never empty
    std::string shard;               // "i/n"
    QueueLimits limits;
};

// Reads only; safe from any thread. What it refers to must outlive it.
class Status {
  public:
    Status(const IndexerState& state, const EventQueue& queue, const IndexerMetrics& metrics,
           const service::DatabaseHealth& database, StatusOptions options)
        : state_(state),
          queue_(queue),
          metrics_(metrics),
          database_(database),
          options_(std::move(options)) {}

    // Ready = the database answers and the writer loop turns (in standby, too). A Jetstream that
    // is away does not make an indexer that could be replaced by a better one.
    service::Readiness readiness(bool draining) const;
    // The page behind /internal/indexer/status.
    std::string json() const;
    double lag_seconds() const;
    const std::string& endpoint() const { return options_.hosts[state_.endpoint.load()]; }

  private:
    bool writer_turns() const noexcept;
    void write_connection(JsonWriter& json, const SourceView& source) const;
    void write_lag(JsonWriter& json) const;
    void write_cursors(JsonWriter& json) const;

    const IndexerState& state_;
    const EventQueue& queue_;
    const IndexerMetrics& metrics_;
    const service::DatabaseHealth& database_;
    StatusOptions options_;
};

}  // namespace subcults::indexer
