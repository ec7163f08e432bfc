#include "streams/join_latency.hpp"

#include <algorithm>

namespace subcults::api {
namespace {

constexpr double max_ahead = 5.0;
constexpr double max_age = 300.0;

}  // namespace

JoinLatency judge_join_latency(UnixMicros token_issued_at, UnixMicros now) noexcept {
    const double age = static_cast<double>(now.value - token_issued_at.value) / 1e6;
    JoinLatency latency;
    latency.seconds = std::max(0.0, age);
    if (age < -max_ahead) latency.verdict = LatencyVerdict::future;
    if (!latency_is_believable(age)) latency.verdict = LatencyVerdict::too_old;
    return latency;
}

bool latency_is_believable(double seconds) noexcept {
    return seconds <= max_age;
}

}  // namespace subcults::api
