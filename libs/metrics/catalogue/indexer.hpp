// Metrics of the Jetstream indexer. What its counters count exactly stands in catalogue.hpp.
#pragma once

#include "metrics/definition.hpp"

#include <string_view>

namespace subcults::metrics::catalogue {

inline constexpr CounterDef indexer_messages_processed_total{{
    .scope = Scope::indexer,
    .name = "indexer_messages_processed_total",
    .help = "Messages of the Jetstream whose effect has been committed.",
    .counts = "One message, when the transaction with its effect and the cursor has committed; "
              "duplicates and outdated ones too, quarantined ones never.",
}};

inline constexpr CounterDef indexer_messages_error_total{{
    .scope = Scope::indexer,
    .name = "indexer_messages_error_total",
    .help = "Messages of the Jetstream that could not be processed and were set aside.",
    .counts = "One message, when its quarantine has committed. Processed and error together are "
              "all messages done with.",
}};

inline constexpr CounterDef indexer_upserts_total{{
    .scope = Scope::indexer,
    .name = "indexer_upserts_total",
    .help = "Rows of records inserted or changed.",
    .counts = "One row of `records` that a committed batch inserted, changed or marked deleted. "
              "Rows that the revision guard left alone do not count.",
}};

inline constexpr CounterDef indexer_trust_recompute_total{{
    .scope = Scope::indexer,
    .name = "indexer_trust_recompute_total",
    .help = "Recomputations of trust scores asked for.",
    .counts = "One scene that a committed batch marked for recomputation.",
}};

inline constexpr std::string_view default_latency_bounds[] = {
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10"};
inline constexpr HistogramDef indexer_ingest_latency_seconds{{
    .scope = Scope::indexer,
    .name = "indexer_ingest_latency_seconds",
    .help = "Seconds from the receipt of a message to the commit of its effect.",
    .bounds = default_latency_bounds,
    .counts = "One sample per processed message.",
}};

inline constexpr GaugeDef indexer_processing_lag_seconds{{
    .scope = Scope::indexer,
    .name = "indexer_processing_lag_seconds",
    .help = "How far the indexer is behind the present, in seconds.",
    .counts = "Read at each scrape: the age that the newest committed message had when it was "
              "committed, and while messages wait at least the age of the oldest of them. Without "
              "a connection it grows with the time since the last message; on a connection that "
              "has nothing to say it falls to 0.",
}};

inline constexpr CounterDef indexer_reconnection_attempts_total{{
    .scope = Scope::indexer,
    .name = "indexer_reconnection_attempts_total",
    .help = "Attempts to connect to the Jetstream again.",
    .counts = "One attempt after the first connection attempt of the process, failed or not.",
}};

inline constexpr CounterDef indexer_database_writes_failed_total{{
    .scope = Scope::indexer,
    .name = "indexer_database_writes_failed_total",
    .help = "Write transactions of the indexer that failed.",
    .counts = "One failed attempt to write and commit a batch; an attempt that is made again and "
              "fails again counts again. A commit that is found after its answer was lost did not "
              "fail.",
}};

inline constexpr CounterDef indexer_backpressure_paused_total{{
    .scope = Scope::indexer,
    .name = "indexer_backpressure_paused_total",
    .help = "Times that reading from the Jetstream stopped because the queue was full.",
    .counts = "One crossing of the upper mark of the queue (events or bytes) while reading.",
}};

inline constexpr CounterDef indexer_backpressure_resumed_total{{
    .scope = Scope::indexer,
    .name = "indexer_backpressure_resumed_total",
    .help = "Times that reading from the Jetstream went on after a pause.",
    .counts = "One crossing of the lower mark of the queue while paused.",
}};

inline constexpr std::string_view backpressure_pause_bounds[] = {"0.1", "0.5", "1", "5",
                                                                 "10",  "30",  "60"};
inline constexpr HistogramDef indexer_backpressure_pause_duration_seconds{{
    .scope = Scope::indexer,
    .name = "indexer_backpressure_pause_duration_seconds",
    .help = "Length of pauses of reading in seconds.",
    .bounds = backpressure_pause_bounds,
    .counts = "One sample per pause, when it is over.",
}};

inline constexpr GaugeDef indexer_pending_messages{{
    .scope = Scope::indexer,
    .name = "indexer_pending_messages",
    .help = "Messages that wait in the queue.",
    .counts = "Read at each scrape: received and not yet taken into a batch.",
}};

inline constexpr GaugeDef indexer_queue_bytes{{
    .scope = Scope::indexer,
    .name = "indexer_queue_bytes",
    .help = "Memory held by the messages of the queue, in bytes.",
    .counts = "Read at each scrape.",
}};

inline constexpr GaugeDef indexer_connected{{
    .scope = Scope::indexer,
    .name = "indexer_connected",
    .help = "Whether the connection to the Jetstream is open: 1 or 0.",
    .counts = "1 from the websocket handshake to the end of the connection.",
}};

inline constexpr GaugeDef indexer_last_event_time_seconds{{
    .scope = Scope::indexer,
    .name = "indexer_last_event_time_seconds",
    .help = "When the newest received message was stamped by the server, as Unix time.",
    .counts = "0 before the first message.",
}};

inline constexpr GaugeDef indexer_cursor_time_seconds{{
    .scope = Scope::indexer,
    .name = "indexer_cursor_time_seconds",
    .help = "The position that a restart would go on from, as Unix time.",
    .counts = "The committed cursor. It moves with every committed batch.",
}};

inline constexpr CounterDef indexer_received_bytes_total{{
    .scope = Scope::indexer,
    .name = "indexer_received_bytes_total",
    .help = "Bytes of websocket messages received, as sent over the wire.",
    .counts = "Payloads only; compressed frames with their compressed size.",
}};

inline constexpr CounterDef indexer_decoded_bytes_total{{
    .scope = Scope::indexer,
    .name = "indexer_decoded_bytes_total",
    .help = "Bytes of JSON that were received, after decompression.",
    .counts = "Payloads only; of an uncompressed stream as many as `indexer_received_bytes_total`. "
              "Frames that could not be decompressed do not count.",
}};

inline constexpr std::string_view event_kinds[] = {"commit", "identity", "account"};
inline constexpr std::string_view event_operations[] = {"create", "update", "delete", "none"};
inline constexpr Label event_labels[] = {{"kind", event_kinds}, {"operation", event_operations}};
inline constexpr CounterDef indexer_events_total{{
    .scope = Scope::indexer,
    .name = "indexer_events_total",
    .help = "Decoded events by kind and operation.",
    .labels = event_labels,
    .counts = "One event put into the queue. `operation` is `none` for everything but commits.",
}};

inline constexpr CounterDef indexer_duplicates_total{{
    .scope = Scope::indexer,
    .name = "indexer_duplicates_total",
    .help = "Events that changed nothing because the same or something newer was stored.",
    .counts = "One event of a committed batch that the revision guard left without effect.",
}};

inline constexpr CounterDef indexer_redelivered_total{{
    .scope = Scope::indexer,
    .name = "indexer_redelivered_total",
    .help = "Events that the server had delivered before.",
    .counts = "One event put into the queue that equals one of the last 65,536 distinct ones. They "
              "are written like any other: whether one changed anything is counted by "
              "`indexer_duplicates_total`.",
}};

inline constexpr CounterDef indexer_seq_regressions_total{{
    .scope = Scope::indexer,
    .name = "indexer_seq_regressions_total",
    .help = "Times that a server was found to use sequence numbers again for other events.",
    .counts = "One connection given up for that; it is resumed by time, so that nothing is "
              "skipped.",
}};

inline constexpr std::string_view quarantine_reasons[] = {"malformed_json",
                                                          "missing_field",
                                                          "wrong_type",
                                                          "unknown_kind",
                                                          "unknown_operation",
                                                          "invalid_number",
                                                          "invalid_identifier",
                                                          "unstorable_record",
                                                          "too_large",
                                                          "invalid_record",
                                                          "private_data",
                                                          "rejected_by_database",
                                                          "malformed_compression",
                                                          "other"};
inline constexpr Label quarantine_labels[] = {{"reason", quarantine_reasons}};
inline constexpr CounterDef indexer_quarantined_total{{
    .scope = Scope::indexer,
    .name = "indexer_quarantined_total",
    .help = "Messages set aside, by reason.",
    .labels = quarantine_labels,
    .counts = "As `indexer_messages_error_total`, which is the sum of these.",
}};

inline constexpr CounterDef indexer_gaps_total{{
    .scope = Scope::indexer,
    .name = "indexer_gaps_total",
    .help = "Stretches of the stream that were found to be missing.",
    .counts = "One reconnection after which nothing came from before the position held, so that "
              "the server no longer has, or skipped, what lay between.",
}};

inline constexpr TotalDef indexer_gap_seconds_total{{
    .scope = Scope::indexer,
    .name = "indexer_gap_seconds_total",
    .help = "Length of the missing stretches of the stream, in seconds.",
    .counts = "The time between the position held and the earliest event that came.",
}};

inline constexpr std::string_view reconnection_reasons[] = {
    "closed_by_server", "read_error",        "protocol_error", "timeout",
    "connect_failed",   "handshake_refused", "database",       "tls_failed",
    "preferred_again",  "seq_regression",    "compression",    "other"};
inline constexpr Label reconnection_labels[] = {{"reason", reconnection_reasons}};
inline constexpr CounterDef indexer_reconnections_by_reason_total{{
    .scope = Scope::indexer,
    .name = "indexer_reconnections_by_reason_total",
    .help = "Attempts to connect to the Jetstream again, by what ended the connection before.",
    .labels = reconnection_labels,
    .counts = "As `indexer_reconnection_attempts_total`, which is the sum of these. `timeout` is "
              "a connection that fell silent, `database` one given up because its messages could "
              "not be stored, `preferred_again` one that was replaced by one to the preferred "
              "server, `compression` one made with another dictionary than ours.",
}};

inline constexpr CounterDef indexer_batches_total{{
    .scope = Scope::indexer,
    .name = "indexer_batches_total",
    .help = "Batches of events committed.",
    .counts = "One committed transaction with at least one event. Commits of the cursor alone do "
              "not count.",
}};

inline constexpr std::string_view indexer_batch_event_bounds[] = {
    "1", "2", "5", "10", "25", "50", "100", "250", "500", "1000", "2500", "5000", "10000"};
inline constexpr HistogramDef indexer_batch_events{{
    .scope = Scope::indexer,
    .name = "indexer_batch_events",
    .help = "Events that shared one transaction.",
    .bounds = indexer_batch_event_bounds,
    .counts = "One sample per batch that `indexer_batches_total` counts.",
}};

inline constexpr std::string_view indexer_batch_second_bounds[] = {
    "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1",
    "0.25",  "0.5",    "1",     "2.5",  "5",     "10"};
inline constexpr HistogramDef indexer_batch_seconds{{
    .scope = Scope::indexer,
    .name = "indexer_batch_seconds",
    .help = "Seconds to project, write and commit a batch.",
    .bounds = indexer_batch_second_bounds,
    .counts = "One sample per batch that `indexer_batches_total` counts.",
}};

inline constexpr GaugeDef indexer_writing{{
    .scope = Scope::indexer,
    .name = "indexer_writing",
    .help = "Whether this process holds its shard and writes: 1 or 0.",
    .counts = "1 while the lease is held, retries included; 0 in standby. Over all processes of a "
              "shard the sum is 1.",
}};

inline constexpr GaugeDef indexer_quarantine_breaker_open{{
    .scope = Scope::indexer,
    .name = "indexer_quarantine_breaker_open",
    .help = "Whether the database refuses so many events that they are retried instead of set "
            "aside: 1 or 0.",
    .counts = "1 from the first event that is refused beyond the limit (20, and 1 % of what "
              "commits) to the next commit.",
}};

inline constexpr const Definition* indexer_metrics[] = {
    &indexer_messages_processed_total,
    &indexer_messages_error_total,
    &indexer_upserts_total,
    &indexer_trust_recompute_total,
    &indexer_ingest_latency_seconds,
    &indexer_processing_lag_seconds,
    &indexer_reconnection_attempts_total,
    &indexer_database_writes_failed_total,
    &indexer_backpressure_paused_total,
    &indexer_backpressure_resumed_total,
    &indexer_backpressure_pause_duration_seconds,
    &indexer_pending_messages,
    &indexer_queue_bytes,
    &indexer_connected,
    &indexer_last_event_time_seconds,
    &indexer_cursor_time_seconds,
    &indexer_received_bytes_total,
    &indexer_decoded_bytes_total,
    &indexer_events_total,
    &indexer_duplicates_total,
    &indexer_redelivered_total,
    &indexer_quarantined_total,
    &indexer_gaps_total,
    &indexer_gap_seconds_total,
    &indexer_seq_regressions_total,
    &indexer_reconnections_by_reason_total,
    &indexer_batches_total,
    &indexer_batch_events,
    &indexer_batch_seconds,
    &indexer_writing,
    &indexer_quarantine_breaker_open,
};

}  // namespace subcults::metrics::catalogue
