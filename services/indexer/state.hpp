// What the threads of the indexer tell each other and the outside about where they stand. Each
// value is true by itself, and nothing is decided from two of them together.
#pragma once

#include "base/time.hpp"
#include "jetstream/cursor.hpp"
#include "published.hpp"
#include "source/source_view.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

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
    // The database refuses too many events: they are retried instead of set aside.
    std::atomic<bool> breaker_open{false};
    // Wall clock of the writer loop's last turn, for liveness.
    std::atomic<std::int64_t> writer_turn_us{0};
    std::atomic<std::int64_t> last_commit_us{0};  // wall clock of the last commit
    const std::int64_t started_us = now_micros().value;

    Published<std::vector<jetstream::StoredCursor>> committed;  // by endpoint, as far as known
    Published<SourceView> source;

    // After a commit (with rows, or of the cursor alone) that moved this server's cursor.
    void note_committed(std::size_t of_endpoint, const jetstream::StoredCursor& to, UnixMicros now);
};

// What the lag is made of, in microseconds; 0 where it does not apply.
struct LagParts {
    std::int64_t oldest_queued = 0;  // age of the oldest event in the queue
    std::int64_t in_flight = 0;      // age of the oldest event of the batch being written
    std::int64_t last_commit = 0;    // age the newest event of the last commit had then
    std::int64_t disconnected = 0;   // time without a connection, since the last message or before
    std::int64_t total = 0;
};

// The lag that tells the truth: the oldest waiting event's age while work is pending; growing from
// the last message on while there is no connection (before the first one: from the committed
// position, or the start of the process); else 0 when everything received is committed and nothing
// comes, or what the last commit measured when events keep coming. A process in standby has none.
LagParts processing_lag(const IndexerState& state, std::optional<std::int64_t> oldest_queued,
                        UnixMicros now) noexcept;
double processing_lag_seconds(const IndexerState& state, std::optional<std::int64_t> oldest_queued,
                              UnixMicros now) noexcept;

}  // namespace subcults::indexer
