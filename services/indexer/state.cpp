#include "state.hpp"

#include <algorithm>

namespace subcults::indexer {

namespace {

// A connection that has said nothing for so long has nothing to say: what was measured at the last
// commit is history by then.
constexpr std::int64_t quiet_after_us = 10'000'000;

}  // namespace

std::string_view to_string(WriterPhase phase) noexcept {
    switch (phase) {
        case WriterPhase::connecting:
            return "connecting";
        case WriterPhase::standby:
            return "standby";
        case WriterPhase::active:
            return "active";
        case WriterPhase::retrying:
            return "retrying";
        case WriterPhase::stopped:
            return "stopped";
    }
    return "unknown";
}

double processing_lag_seconds(const IndexerState& state, std::optional<std::int64_t> oldest_queued,
                              UnixMicros now) noexcept {
    constexpr auto relaxed = std::memory_order_relaxed;
    const std::int64_t in_flight = state.in_flight_us.load(relaxed);
    const std::int64_t commit_lag = state.commit_lag_us.load(relaxed);
    const std::int64_t heard = state.heard_us.load(relaxed);

    std::int64_t lag = 0;
    if (in_flight != 0) lag = now.value - in_flight;
    if (oldest_queued) lag = std::max(lag, now.value - *oldest_queued);
    const bool pending = in_flight != 0 || oldest_queued.has_value();
    const std::int64_t silence = heard != 0 ? now.value - heard : 0;
    if (!state.connected.load(relaxed)) {
        lag = std::max(lag, commit_lag + silence);
    } else if (!pending && silence < quiet_after_us) {
        lag = commit_lag;
    } else if (pending) {
        lag = std::max(lag, std::int64_t{0});
    }
    return static_cast<double>(std::max<std::int64_t>(lag, 0)) / 1e6;
}

}  // namespace subcults::indexer
