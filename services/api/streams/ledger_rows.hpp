// Between the ledger's values and PostgreSQL's rows: parameters for its statements, and rows read.
#pragma once

#include "db/connection.hpp"
#include "streams/ledger_batch.hpp"

#include <span>

namespace subcults::api {

SessionRow read_session(const db::Rows& rows, int row);
// Participants and bans.
void load_participants(LedgerBatch& batch, const db::Rows& rows);
void load_stays(LedgerBatch& batch, const db::Rows& rows);
void load_idempotency(LedgerBatch& batch, const db::Rows& rows);

// Appends the statements that write everything the batch has changed. Adds nothing when nothing
// has; the caller adds BEGIN and COMMIT.
void add_writes(db::Pipeline& pipeline, const LedgerBatch& batch);

}  // namespace subcults::api
