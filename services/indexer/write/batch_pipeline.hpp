// A folded batch as one pipeline: one round trip, one transaction, cursor included.
#pragma once

#include "db/connection.hpp"
#include "jetstream/cursor.hpp"
#include "project/fold.hpp"

#include <string>

namespace subcults::indexer {

// Which cursor row a transaction moves, and under which epoch it may.
struct CursorKey {
    std::string consumer;
    std::string host;
    std::string dialect;
    std::int32_t shard = 0;
    std::int64_t epoch = 0;
};

struct CursorMove {
    CursorKey key;
    jetstream::StoredCursor to;
    Uuid batch_id;  // recognises this commit later
};

struct BatchPipeline {
    db::Pipeline pipeline;
    // Position of the upsert of records among the steps, when there is one.
    std::optional<std::size_t> records_step;
};

// The cursor comes first: a fenced writer fails before it has touched a row.
BatchPipeline make_pipeline(const FoldedBatch& batch, const CursorMove& move);

}  // namespace subcults::indexer
