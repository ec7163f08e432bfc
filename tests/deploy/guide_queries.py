"""The queries that the guide prints, with what stands for them here where they cannot run as printed."""

# Run as printed, and return data.
PRINTED = """
rate(stream_joins_total[1h]) * 3600
rate(stream_joins_total[1m]) * 60
rate(stream_leaves_total[1h]) * 3600
rate(stream_leaves_total[1m]) * 60
stream_joins_total / stream_leaves_total
histogram_quantile(0.95, rate(stream_join_latency_seconds_bucket[5m]))
histogram_quantile(0.50, rate(stream_join_latency_seconds_bucket[5m]))
rate(stream_join_latency_seconds_sum[5m]) / rate(stream_join_latency_seconds_count[5m])
sum(rate(stream_join_latency_seconds_bucket{le="2.0"}[5m])) / sum(rate(stream_join_latency_seconds_count[5m])) * 100
rate(indexer_messages_processed_total[1m])
increase(indexer_messages_processed_total[1h])
rate(indexer_messages_error_total[1m])
rate(indexer_messages_error_total[5m]) / rate(indexer_messages_processed_total[5m]) * 100
histogram_quantile(0.95, rate(indexer_ingest_latency_seconds_bucket[5m]))
rate(indexer_ingest_latency_seconds_sum[5m]) / rate(indexer_ingest_latency_seconds_count[5m])
indexer_processing_lag_seconds
max_over_time(indexer_processing_lag_seconds[5m])
rate(indexer_reconnection_attempts_total[1m]) * 60
increase(indexer_reconnection_attempts_total[1h])
rate(indexer_database_writes_failed_total[5m])
rate(indexer_database_writes_failed_total[5m]) / rate(indexer_upserts_total[5m]) * 100
indexer_pending_messages
max_over_time(indexer_pending_messages[1h])
sum(increase(background_jobs_total{status="success"}[1h])) by (job_type)
sum(increase(background_jobs_total{job_type="trust_recompute", status="failure"}[1h]))
sum(rate(background_jobs_total{status="success"}[5m])) by (job_type) / sum(rate(background_jobs_total[5m])) by (job_type)
sum(rate(background_jobs_total{status="failure"}[5m])) / sum(rate(background_jobs_total[5m]))
histogram_quantile(0.95, sum by (job_type, le) (rate(background_jobs_duration_seconds_bucket[5m])))
histogram_quantile(0.50, sum by (job_type, le) (rate(background_jobs_duration_seconds_bucket[5m])))
sum by (job_type) (rate(background_jobs_duration_seconds_sum[5m])) / sum by (job_type) (rate(background_jobs_duration_seconds_count[5m]))
topk(5, sum(rate(background_job_errors_total[1h])) by (error_type))
sum(increase(background_job_errors_total{error_type="timeout"}[1h])) by (job_type)
histogram_quantile(0.95, rate(stream_audio_bitrate_kbps_bucket[5m]))
rate(stream_audio_bitrate_kbps_sum[5m]) / rate(stream_audio_bitrate_kbps_count[5m])
histogram_quantile(0.95, rate(stream_audio_jitter_ms_bucket[5m]))
1 - (sum(rate(stream_audio_jitter_ms_bucket{le="30"}[5m])) / sum(rate(stream_audio_jitter_ms_count[5m])))
histogram_quantile(0.95, rate(stream_audio_packet_loss_percent_bucket[5m]))
(sum(rate(stream_audio_packet_loss_percent_bucket{le="+Inf"}[5m])) - sum(rate(stream_audio_packet_loss_percent_bucket{le="5"}[5m]))) / sum(rate(stream_audio_packet_loss_percent_count[5m]))
histogram_quantile(0.95, rate(stream_audio_level_bucket[5m]))
(sum(rate(stream_audio_level_bucket{le="+Inf"}[5m])) - sum(rate(stream_audio_level_bucket{le="0.1"}[5m]))) / sum(rate(stream_audio_level_count[5m]))
histogram_quantile(0.95, rate(stream_network_rtt_ms_bucket[5m]))
rate(stream_network_rtt_ms_sum[5m]) / rate(stream_network_rtt_ms_count[5m])
rate(stream_quality_alerts_total[1m]) * 60
increase(stream_quality_alerts_total[1h])
rate(stream_high_packet_loss_total[5m])
rate(stream_high_packet_loss_total[5m]) / rate(stream_audio_packet_loss_percent_count[5m]) * 100
""".strip().split("\n")

# Run as printed; nothing to say as long as all is well: no pause of reading, no slow or failing job.
QUIET = """
histogram_quantile(0.95, rate(indexer_backpressure_pause_duration_seconds_bucket[5m]))
rate(indexer_backpressure_pause_duration_seconds_sum[5m]) / rate(indexer_backpressure_pause_duration_seconds_count[5m])
histogram_quantile(0.95, sum by (job_type, le) (rate(background_jobs_duration_seconds_bucket[5m]))) > 30
sum(rate(background_job_errors_total{error_type="database_error"}[5m])) by (job_type) > 0.1
""".strip().split("\n")

# Not PromQL: `by` belongs to an aggregation. Beside it, what stands in docs/observability.md.
MENDED = {
    'rate(background_job_errors_total{job_type="trust_recompute"}[5m]) by (error_type)':
        'sum by (error_type) (rate(background_job_errors_total{job_type="trust_recompute"}[5m]))',
}  # fmt: skip
