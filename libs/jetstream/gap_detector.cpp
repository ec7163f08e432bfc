#include "jetstream/gap_detector.hpp"

#include <algorithm>

namespace subcults::jetstream {

void GapDetector::begin(std::optional<std::int64_t> held_us,
                        std::chrono::microseconds tolerance) noexcept {
    held_us_ = held_us;
    tolerance_us_ = tolerance.count();
    earliest_us_ = 0;
    late_ = 0;
}

std::optional<Gap> GapDetector::observe(std::int64_t time_us) noexcept {
    if (!held_us_) return std::nullopt;
    const std::int64_t late_by = time_us - *held_us_ - tolerance_us_;
    if (late_by <= 0) {
        held_us_.reset();
        return std::nullopt;
    }
    earliest_us_ = late_ == 0 ? time_us : std::min(earliest_us_, time_us);
    ++late_;
    if (late_by <= disorder.count() && late_ < events_needed) return std::nullopt;
    const Gap gap{*held_us_, earliest_us_};
    held_us_.reset();
    return gap;
}

}  // namespace subcults::jetstream
