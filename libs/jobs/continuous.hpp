// A job that is always under way: work that comes by itself and is done by whoever has it, one
// piece after the other. It has no schedule and no lease here (the indexer's writer has a lease of
// its own); each piece of it counts as a run.
//
// Threading: succeeded() and failed() from the thread that does the work, the rest from any.
#pragma once

#include "base/time.hpp"
#include "jobs/job_metrics.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

namespace subcults::jobs {

class ContinuousJob {
  public:
    ContinuousJob(std::string type, metrics::Registry& registry);

    void succeeded(double seconds) noexcept;
    void failed(ErrorType error, double seconds) noexcept;
    // Whether this process is the one that does it.
    void running(bool now) noexcept;

    const std::string& type() const noexcept { return type_; }

    struct Status {
        bool running = false;
        std::int64_t runs = 0;
        std::int64_t failures = 0;
        std::optional<UnixMicros> finished_at = {};
        std::optional<UnixMicros> last_success_at = {};
        std::optional<bool> last_succeeded = {};
        std::optional<ErrorType> last_error = {};  // of the last run, if it failed
        double duration_seconds = 0;
    };
    // As of about now; what is in it may be of two runs.
    Status status() const noexcept;

  private:
    void ended(double seconds) noexcept;

    std::string type_;
    JobMetrics metrics_;
    std::atomic<bool> running_{false};
    std::atomic<std::int64_t> runs_{0};
    std::atomic<std::int64_t> failures_{0};
    std::atomic<std::int64_t> finished_us_{0};
    std::atomic<std::int64_t> succeeded_us_{0};
    std::atomic<int> error_{-1};  // an ErrorType; -1 = the last run succeeded
    std::atomic<double> seconds_{0};
};

}  // namespace subcults::jobs
