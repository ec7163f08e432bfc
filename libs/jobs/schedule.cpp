#include "jobs/schedule.hpp"

#include <algorithm>

namespace subcults::jobs {

std::chrono::milliseconds next_delay(const Schedule& schedule, std::int64_t failures,
                                     double chance) noexcept {
    std::chrono::milliseconds delay = schedule.interval;
    if (failures > 0 && schedule.retry.count() > 0) {
        std::chrono::milliseconds retry = schedule.retry;
        for (std::int64_t i = 1; i < failures && retry < delay; ++i)
            retry *= 2;
        delay = std::min(delay, retry);
    }
    const double share = std::clamp(schedule.jitter, 0.0, 1.0) * (2 * chance - 1);
    const double varied = static_cast<double>(delay.count()) * (1 + share);
    return std::chrono::milliseconds(static_cast<std::int64_t>(varied));
}

}  // namespace subcults::jobs
