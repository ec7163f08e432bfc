// A folded batch as one pipeline: one round trip, one transaction, cursor included.
//
// The order of the steps is the order that matters: the cursor first (a fenced writer fails before
// it has touched a row); who writes here; rows of accounts that are deleted later in the batch, and
// their purge; all other rows; handles and states of accounts, which only those have that are known
// by then; quarantine; COMMIT.
#pragma once

#include "db/connection.hpp"
#include "jetstream/cursor.hpp"
#include "project/fold.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
    // Steps whose affected rows are the rows of `records` that changed. Purged ones do not count.
    std::vector<std::size_t> records_steps;
    // Steps whose affected rows are the scenes that were marked, each once per transaction.
    std::vector<std::size_t> trust_steps;
};

// Both borrow nothing: the batch may go away afterwards.
BatchPipeline make_pipeline(const FoldedBatch& batch, const CursorMove& move);
// For events out of quarantine, in a transaction that is open already: moves no cursor, and
// COMMITs. A typed row that its own revision had emptied, because it could not be shown, is filled
// after all. A record never is: the row of one that is gone (its account was deleted meanwhile)
// stays gone.
BatchPipeline make_retry_pipeline(const FoldedBatch& batch, std::string_view consumer);

// The sum of the rows that these steps affected.
std::int64_t affected(std::span<const db::Rows> answers, std::span<const std::size_t> steps);

}  // namespace subcults::indexer
