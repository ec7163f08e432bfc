// The indexer's series, resolved once.
#pragma once

#include "jetstream/event.hpp"
#include "jobs/continuous.hpp"
#include "metrics/registry.hpp"

#include <array>
#include <string_view>

namespace subcults::indexer {

struct IndexerMetrics {
    explicit IndexerMetrics(metrics::Registry& registry);

    void count_event(const jetstream::EventView& event);
    void count_quarantined(std::string_view reason);
    void count_reconnection(std::string_view reason);

    metrics::Counter& processed;
    metrics::Counter& errors;
    metrics::Counter& upserts;
    metrics::Counter& duplicates;
    metrics::Counter& trust_recompute;
    metrics::Counter& reconnection_attempts;
    metrics::Counter& writes_failed;
    metrics::Counter& paused;
    metrics::Counter& resumed;
    metrics::Counter& received_bytes;
    metrics::Counter& decoded_bytes;
    metrics::Counter& redelivered;
    metrics::Counter& gaps;
    metrics::Total& gap_seconds;
    metrics::Counter& seq_regressions;
    metrics::Counter& batches;
    metrics::Histogram& ingest_latency;
    metrics::Histogram& pause_duration;
    metrics::Histogram& batch_events;
    metrics::Histogram& batch_seconds;
    // Each transaction of the writer is a run of this job.
    jobs::ContinuousJob index_processing;

  private:
    metrics::Registry& registry_;
    std::array<metrics::Counter*, 5> events_;  // commit create/update/delete, identity, account
};

}  // namespace subcults::indexer
