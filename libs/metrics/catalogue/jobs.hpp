// Metrics of background jobs; each service has its own jobs. See catalogue.hpp.
#pragma once

#include "metrics/definition.hpp"

#include <string_view>

namespace subcults::metrics::catalogue {

// No "other" among the job types: a series that never moves would keep an alert on jobs that have
// stalled firing for ever.
inline constexpr std::string_view api_job_types[] = {
    "trust_recompute",   "payment_processing", "stream_cleanup",       "cache_invalidation",
    "report_generation", "quality_collection", "stream_reconciliation"};
inline constexpr std::string_view indexer_job_types[] = {"index_processing", "index_backfill"};
inline constexpr std::string_view job_statuses[] = {"success", "failure"};
inline constexpr std::string_view job_error_types[] = {
    "timeout",           "database_error",  "network_error", "validation_error",
    "permission_denied", "recompute_error", "not_found"};

inline constexpr Label background_jobs_labels[] = {
    {"job_type", api_job_types, indexer_job_types},
    {"status", job_statuses},
};
inline constexpr CounterDef background_jobs_total{{
    .name = "background_jobs_total",
    .help = "Runs of background jobs, by type and outcome.",
    .labels = background_jobs_labels,
    .counts = "One run that has ended. A run that found nothing to do is a success; one with any "
              "error is a failure. One whose process died or hung is a failure, counted by the "
              "process that took over; one that a shutdown ended is not counted.",
}};

inline constexpr std::string_view background_jobs_duration_bounds[] = {
    "0.1", "0.25", "0.5", "1.0", "2.0", "5.0", "10.0", "30.0", "60.0", "120.0"};
inline constexpr Label background_jobs_duration_labels[] = {
    {"job_type", api_job_types, indexer_job_types},
};
inline constexpr HistogramDef background_jobs_duration_seconds{{
    .name = "background_jobs_duration_seconds",
    .help = "Length of runs of background jobs in seconds.",
    .labels = background_jobs_duration_labels,
    .bounds = background_jobs_duration_bounds,
    .counts = "One sample per run that `background_jobs_total` counts, of either outcome.",
}};

inline constexpr Label background_job_errors_labels[] = {
    {"job_type", api_job_types, indexer_job_types},
    {"error_type", job_error_types},
};
inline constexpr CounterDef background_job_errors_total{{
    .name = "background_job_errors_total",
    .help = "Errors in background jobs, by type of job and error.",
    .labels = background_job_errors_labels,
    .counts = "One error within a run; a run may have several. `timeout` also stands for a run "
              "whose process died or hung.",
}};

inline constexpr Label background_job_labels[] = {
    {"job_type", api_job_types, indexer_job_types},
};
inline constexpr GaugeDef background_job_last_success_timestamp_seconds{{
    .name = "background_job_last_success_timestamp_seconds",
    .help = "When a background job last succeeded, as Unix time.",
    .labels = background_job_labels,
    .counts = "Of scheduled jobs the newest success of any process, by every process alike: take "
              "the maximum. 0 = none yet.",
}};

inline constexpr GaugeDef background_job_running{{
    .name = "background_job_running",
    .help = "Whether a run of a background job is under way: 1 or 0.",
    .labels = background_job_labels,
    .counts = "1 in the process that runs it; the sum over processes is 0 or 1, but for jobs that "
              "every process does for itself.",
}};

inline constexpr const Definition* job_metrics[] = {
    &background_jobs_total,       &background_jobs_duration_seconds,
    &background_job_errors_total, &background_job_last_success_timestamp_seconds,
    &background_job_running,
};

}  // namespace subcults::metrics::catalogue
