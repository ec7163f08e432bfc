// What a transaction of the ledger means to the metrics.
#pragma once

#include "streams/denial_memory.hpp"

#include <cstdint>
#include <map>
#include <vector>

namespace subcults::api {

// What to count once the batch has committed; nothing of it may be counted twice or for a batch
// that was rolled back.
struct LedgerEffects {
    struct Visits {
        std::uint64_t joins = 0;
        std::uint64_t leaves = 0;
    };
    std::map<Uuid, Visits> by_scene;
    std::vector<double> latencies;  // of joins, seconds
    std::uint64_t latencies_too_old = 0;
    std::vector<double> durations;  // of sessions that ended, seconds
    std::vector<Denial> denials;    // that were written
};

}  // namespace subcults::api
