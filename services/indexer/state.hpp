// What the threads of the indexer tell each other and the outside about where they stand. Relaxed
// atomics: each value is true by itself, and nothing is decided from two of them together.
#pragma once

#include "base/time.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace subcults::indexer {

enum class WriterPhase : int { connecting, standby, active, retrying, stopped };
std::string_view to_string(WriterPhase phase) noexcept;

struct IndexerState {
    std::atomic<bool> connected{false};
    std::atomic<std::size_t> endpoint{0};
    std::atomic<WriterPhase> phase{WriterPhase::connecting};
    // Unix microseconds; 0 = none yet.
    std::atomic<std::int64_t> last_event_us{0};  // newest stamp received
    std::atomic<std::int64_t> cursor_us{0};      // committed
    std::atomic<std::int64_t> in_flight_us{0};   // oldest stamp of the batch being written
    std::atomic<std::int64_t> commit_lag_us{0};  // age of the newest event of the last commit
    std::atomic<std::int64_t> heard_us{0};       // wall clock of the last message
    // Wall clock of the writer loop's last turn, for liveness.
    std::atomic<std::int64_t> writer_turn_us{0};
};

// The lag that tells the truth: the oldest waiting event's age while work is pending; growing from
// the last message on while there is no connection; else 0 when everything received is committed
// and nothing comes, or what the last commit measured when events keep coming.
double processing_lag_seconds(const IndexerState& state, std::optional<std::int64_t> oldest_queued,
                              UnixMicros now) noexcept;

}  // namespace subcults::indexer
