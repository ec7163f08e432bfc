// An order under way: what was asked for, how far it has come, and what waits to be committed.
// Plain values.
#pragma once

#include "backfill/replay_window.hpp"
#include "jetstream/gap_detector.hpp"
#include "queue/event_queue.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace subcults::indexer {

struct BackfillOrder {
    BackfillOrder(std::int64_t number, ReplayWindow asked, std::optional<std::string> read_from)
        : id(number), window(asked), host(std::move(read_from)), fresh(!asked.position()) {}

    // After each stamp: a server becomes that of the position when it has moved it, for until then
    // another one's stamps decide where to go on.
    void follow() {
        if (window.progressed() && host != connected_to) host = connected_to;
    }

    std::int64_t id;
    ReplayWindow window;
    std::optional<std::string> host;  // that the position is from
    std::string connected_to;
    bool fresh;  // nothing has been read yet, ever
    jetstream::GapDetector gap;
    bool cancelled = false;
    int refusals = 0;  // events that the database would not have, in this run

    // Read and not yet committed.
    std::vector<QueueItem> items;
    std::size_t bytes = 0;
    std::optional<std::int64_t> stored_position = window.position();
    SteadyClock::time_point stored_at = SteadyClock::now();
    // Goes into the row with the next commit.
    std::optional<std::int64_t> oldest_us = {};
    std::int64_t rows_changed = 0;
    double missing_seconds = 0;
    // Of this run, for the log.
    std::int64_t events_written = 0;
};

}  // namespace subcults::indexer
