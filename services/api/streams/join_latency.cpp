#include "streams/join_latency.hpp"

#include <algorithm>

namespace subcults::api {

JoinLatency judge_join_latency(UnixMicros token_issued_at, UnixMicros now) noexcept {
    constexpr double max_ahead = 5.0;
    constexpr double max_age = 300.0;
    const double age = static_cast<double>(now.value - token_issued_at.value) / 1e6;
    JoinLatency latency;
    latency.seconds = std::max(0.0, age);
    if (age < -max_ahead) latency.verdict = LatencyVerdict::future;
    if (age > max_age) latency.verdict = LatencyVerdict::stale;
    return latency;
}

}  // namespace subcults::api
