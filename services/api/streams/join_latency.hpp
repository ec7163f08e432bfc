// What a join says about how long it took, and whether that can be believed.
#pragma once

#include "base/time.hpp"

namespace subcults::api {

enum class LatencyVerdict { sample, future, stale };

struct JoinLatency {
    LatencyVerdict verdict = LatencyVerdict::sample;
    double seconds = 0;
};

// From token issuance to the join. A clock that runs up to five seconds ahead of ours is forgiven
// (the sample is 0); further ahead, or longer ago than five minutes, tells nothing about joining.
JoinLatency judge_join_latency(UnixMicros token_issued_at, UnixMicros now) noexcept;

}  // namespace subcults::api
