// What a join says about how long it took, and whether that can be believed.
#pragma once

#include "base/time.hpp"

namespace subcults::api {

enum class LatencyVerdict { sample, future, too_old };

struct JoinLatency {
    LatencyVerdict verdict = LatencyVerdict::sample;
    double seconds = 0;
};

// From token issuance to the join. A clock that runs up to five seconds ahead of ours is forgiven
// (the sample is 0); further ahead, or longer ago than five minutes, tells nothing about joining.
JoinLatency judge_join_latency(UnixMicros token_issued_at, UnixMicros now) noexcept;

// The same for a latency that was measured here: who waited longer than five minutes waited for
// something else.
bool latency_is_believable(double seconds) noexcept;

}  // namespace subcults::api
