#include "jobs/job_metrics.hpp"

#include "metrics/catalogue.hpp"

namespace subcults::jobs {

namespace catalogue = metrics::catalogue;

JobMetrics::JobMetrics(metrics::Registry& registry, std::string_view type)
    : success_(registry.get(catalogue::background_jobs_total, {type, "success"})),
      failure_(registry.get(catalogue::background_jobs_total, {type, "failure"})),
      duration_(registry.get(catalogue::background_jobs_duration_seconds, {type})),
      last_success_(registry.get(catalogue::background_job_last_success_timestamp_seconds, {type})),
      running_(registry.get(catalogue::background_job_running, {type})) {
    for (std::size_t i = 0; i < error_type_count; ++i) {
        errors_[i] = &registry.get(catalogue::background_job_errors_total,
                                   {type, to_string(static_cast<ErrorType>(i))});
    }
}

void JobMetrics::ended(bool success, double seconds) noexcept {
    (success ? success_ : failure_).increment();
    duration_.observe(seconds);
}

}  // namespace subcults::jobs
