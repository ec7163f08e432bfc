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

std::string_view to_string(LinkState state) noexcept {
    switch (state) {
        case LinkState::idle:
            return "idle";
        case LinkState::waiting:
            return "waiting";
        case LinkState::connecting:
            return "connecting";
        case LinkState::reading:
            return "reading";
        case LinkState::paused:
            return "paused";
    }
    return "unknown";
}

void IndexerState::note_committed(std::size_t of_endpoint, const jetstream::StoredCursor& to,
                                  UnixMicros now) {
    cursor_us = std::max(cursor_us.load(), to.time_us.value_or(0));
    last_commit_us = now.value;
    committed.update([&](std::vector<jetstream::StoredCursor>& cursors) {
        if (cursors.size() <= of_endpoint) cursors.resize(of_endpoint + 1);
        jetstream::StoredCursor& cursor = cursors[of_endpoint];
        if (to.time_us) {
            cursor.time_us = std::max(cursor.time_us.value_or(*to.time_us), *to.time_us);
        }
        if (to.seq) cursor.seq = to.seq;
    });
}

LagParts processing_lag(const IndexerState& state, std::optional<std::int64_t> oldest_queued,
                        UnixMicros now) noexcept {
    constexpr auto relaxed = std::memory_order_relaxed;
    const std::int64_t in_flight = state.in_flight_us.load(relaxed);
    const std::int64_t heard = state.heard_us.load(relaxed);
    const auto age = [&](std::int64_t stamp) {
        return stamp == 0 ? std::int64_t{0} : std::max<std::int64_t>(now.value - stamp, 0);
    };

    LagParts parts;
    parts.in_flight = age(in_flight);
    parts.oldest_queued = age(oldest_queued.value_or(0));
    parts.last_commit = std::max<std::int64_t>(state.commit_lag_us.load(relaxed), 0);
    const bool pending = in_flight != 0 || oldest_queued.has_value();
    const std::int64_t waiting = std::max(parts.in_flight, parts.oldest_queued);
    if (state.connected.load(relaxed)) {
        const bool quiet = age(heard) >= quiet_after_us;
        parts.total = pending ? waiting : quiet ? 0 : parts.last_commit;
        return parts;
    }
    if (state.phase.load(relaxed) == WriterPhase::standby) return parts;
    if (heard != 0) {
        parts.disconnected = age(heard) + parts.last_commit;
    } else {
        const std::int64_t from = state.cursor_us.load(relaxed);
        parts.disconnected = age(from != 0 ? from : state.started_us);
    }
    parts.total = std::max(waiting, parts.disconnected);
    return parts;
}

double processing_lag_seconds(const IndexerState& state, std::optional<std::int64_t> oldest_queued,
                              UnixMicros now) noexcept {
    return static_cast<double>(processing_lag(state, oldest_queued, now).total) / 1e6;
}

}  // namespace subcults::indexer
