// Where reading starts, as the database knows it.
#pragma once

#include "jetstream/cursor.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace subcults::indexer {

struct StartPositions {
    // What has been committed from each configured server, in the order of the configuration.
    std::vector<jetstream::StoredCursor> by_endpoint;
    // The newest position on a server that is not configured any more, when it is newer than all
    // of these: reading goes on from there, on another server, instead of live.
    std::optional<std::int64_t> elsewhere_us;
    // Names this run of reading. What an earlier one still pushes is dropped by the queue.
    std::uint64_t stream = 0;
};

}  // namespace subcults::indexer
