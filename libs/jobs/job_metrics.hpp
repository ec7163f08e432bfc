// What background jobs are counted by: the series of one type, resolved once.
//
// Safe from any thread.
#pragma once

#include "jobs/job_error.hpp"
#include "metrics/registry.hpp"

#include <array>
#include <string_view>

namespace subcults::jobs {

class JobMetrics {
  public:
    // `type` is one of the catalogue's for the registry's service.
    JobMetrics(metrics::Registry& registry, std::string_view type);

    void running(bool now) noexcept { running_.set(now ? 1 : 0); }
    void ended(bool success, double seconds) noexcept;
    void error(ErrorType type) noexcept { errors_[static_cast<std::size_t>(type)]->increment(); }
    // Unix time.
    void last_success(double seconds) noexcept { last_success_.set(seconds); }

  private:
    metrics::Counter& success_;
    metrics::Counter& failure_;
    metrics::Histogram& duration_;
    metrics::Gauge& last_success_;
    metrics::Gauge& running_;
    std::array<metrics::Counter*, error_type_count> errors_{};
};

}  // namespace subcults::jobs
