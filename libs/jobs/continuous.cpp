#include "jobs/continuous.hpp"

#include <utility>

namespace subcults::jobs {

ContinuousJob::ContinuousJob(std::string type, metrics::Registry& registry)
    : type_(std::move(type)), metrics_(registry, type_) {}

void ContinuousJob::ended(double seconds) noexcept {
    seconds_.store(seconds, std::memory_order_relaxed);
    finished_us_.store(now_micros().value, std::memory_order_relaxed);
    runs_.fetch_add(1, std::memory_order_relaxed);
}

void ContinuousJob::succeeded(double seconds) noexcept {
    error_.store(-1, std::memory_order_relaxed);
    ended(seconds);
    const std::int64_t now = finished_us_.load(std::memory_order_relaxed);
    succeeded_us_.store(now, std::memory_order_relaxed);
    metrics_.ended(true, seconds);
    metrics_.last_success(UnixMicros{now}.seconds());
}

void ContinuousJob::failed(ErrorType error, double seconds) noexcept {
    error_.store(static_cast<int>(error), std::memory_order_relaxed);
    ended(seconds);
    failures_.fetch_add(1, std::memory_order_relaxed);
    metrics_.error(error);
    metrics_.ended(false, seconds);
}

void ContinuousJob::running(bool now) noexcept {
    running_.store(now, std::memory_order_relaxed);
    metrics_.running(now);
}

ContinuousJob::Status ContinuousJob::status() const noexcept {
    Status status;
    status.running = running_.load(std::memory_order_relaxed);
    status.runs = runs_.load(std::memory_order_relaxed);
    status.failures = failures_.load(std::memory_order_relaxed);
    status.duration_seconds = seconds_.load(std::memory_order_relaxed);
    const std::int64_t finished = finished_us_.load(std::memory_order_relaxed);
    const std::int64_t succeeded = succeeded_us_.load(std::memory_order_relaxed);
    const int error = error_.load(std::memory_order_relaxed);
    if (succeeded != 0) status.last_success_at = UnixMicros{succeeded};
    if (finished == 0) return status;
    status.finished_at = UnixMicros{finished};
    status.last_succeeded = error < 0;
    if (error >= 0) status.last_error = static_cast<ErrorType>(error);
    return status;
}

}  // namespace subcults::jobs
