#include "indexer_metrics.hpp"

#include "metrics/catalogue.hpp"

namespace subcults::indexer {

namespace catalogue = metrics::catalogue;

IndexerMetrics::IndexerMetrics(metrics::Registry& registry)
    : processed(registry.get(catalogue::indexer_messages_processed_total)),
      errors(registry.get(catalogue::indexer_messages_error_total)),
      upserts(registry.get(catalogue::indexer_upserts_total)),
      duplicates(registry.get(catalogue::indexer_duplicates_total)),
      trust_recompute(registry.get(catalogue::indexer_trust_recompute_total)),
      reconnection_attempts(registry.get(catalogue::indexer_reconnection_attempts_total)),
      writes_failed(registry.get(catalogue::indexer_database_writes_failed_total)),
      paused(registry.get(catalogue::indexer_backpressure_paused_total)),
      resumed(registry.get(catalogue::indexer_backpressure_resumed_total)),
      received_bytes(registry.get(catalogue::indexer_received_bytes_total)),
      decoded_bytes(registry.get(catalogue::indexer_decoded_bytes_total)),
      redelivered(registry.get(catalogue::indexer_redelivered_total)),
      gaps(registry.get(catalogue::indexer_gaps_total)),
      gap_seconds(registry.get(catalogue::indexer_gap_seconds_total)),
      seq_regressions(registry.get(catalogue::indexer_seq_regressions_total)),
      batches(registry.get(catalogue::indexer_batches_total)),
      ingest_latency(registry.get(catalogue::indexer_ingest_latency_seconds)),
      pause_duration(registry.get(catalogue::indexer_backpressure_pause_duration_seconds)),
      batch_events(registry.get(catalogue::indexer_batch_events)),
      batch_seconds(registry.get(catalogue::indexer_batch_seconds)),
      index_processing("index_processing", registry),
      registry_(registry),
      events_{&registry.get(catalogue::indexer_events_total, {"commit", "create"}),
              &registry.get(catalogue::indexer_events_total, {"commit", "update"}),
              &registry.get(catalogue::indexer_events_total, {"commit", "delete"}),
              &registry.get(catalogue::indexer_events_total, {"identity", "none"}),
              &registry.get(catalogue::indexer_events_total, {"account", "none"})} {}

void IndexerMetrics::count_event(const jetstream::EventView& event) {
    std::size_t which = static_cast<std::size_t>(event.operation);
    if (event.kind == jetstream::Kind::identity) which = 3;
    if (event.kind == jetstream::Kind::account) which = 4;
    events_[which]->increment();
}

void IndexerMetrics::count_quarantined(std::string_view reason) {
    errors.increment();
    registry_.get(catalogue::indexer_quarantined_total, {reason}).increment();
}

void IndexerMetrics::count_reconnection(std::string_view reason) {
    reconnection_attempts.increment();
    registry_.get(catalogue::indexer_reconnections_by_reason_total, {reason}).increment();
}

}  // namespace subcults::indexer
