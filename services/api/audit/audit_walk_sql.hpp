// Statements that verifying shares, and how their rows are read.
#pragma once

#include "audit/audit_queries.hpp"

namespace subcults::api {

namespace audit_sql {

#define SUBCULTS_HEADS(condition) \
    "SELECT s.id, s.head_seq, s.head_hash, s.join_count, s.leave_count FROM stream_sessions s"  \
    " WHERE " condition("s.id", "s") " UNION ALL"                                               \
    " SELECT h.entity_id, h.head_seq, h.head_hash, NULL::bigint, NULL::bigint FROM audit_heads h" \
    " WHERE " condition("h.entity_id", "h")
#define SUBCULTS_IS_ASKED(id, relation) id " = ANY($1::uuid[])"
#define SUBCULTS_IS_LOST(id, relation) \
    relation ".head_seq > 0 AND NOT EXISTS (SELECT 1 FROM audit_logs a WHERE a.entity_id = " id ")"

inline constexpr db::Statement heads{"audit_heads", SUBCULTS_HEADS(SUBCULTS_IS_ASKED)};
// Heads of chains without a single entry.
inline constexpr db::Statement lost_heads{"audit_lost_heads",
                                          SUBCULTS_HEADS(SUBCULTS_IS_LOST) " LIMIT $1::bigint"};

#undef SUBCULTS_IS_LOST
#undef SUBCULTS_IS_ASKED
#undef SUBCULTS_HEADS

inline constexpr db::Statement chain{"audit_chain",
                                     "SELECT " SUBCULTS_AUDIT_COLUMNS
                                     " FROM audit_logs a"
                                     " WHERE a.entity_id = $1::uuid AND a.seq > $2::bigint"
                                     " ORDER BY a.seq LIMIT $3::bigint"};
inline constexpr db::Statement walk{"audit_walk",
                                    "SELECT " SUBCULTS_AUDIT_COLUMNS
                                    " FROM audit_logs a"
                                    " WHERE (a.entity_id, a.seq) > ($1::uuid, $2::bigint)"
                                    " ORDER BY a.entity_id, a.seq LIMIT $3::bigint"};
inline constexpr db::Statement stored_checkpoints{
    "audit_checkpoints", "SELECT " SUBCULTS_CHECKPOINT_COLUMNS
                         " FROM audit_checkpoints"
                         " WHERE number >= $1::bigint ORDER BY number LIMIT $2::bigint"};
// What a checkpoint lists, beside what the chains hold in the same places today.
inline constexpr db::Statement checkpoint_heads{
    "audit_checkpoint_heads",
    "SELECT c.entity_id, c.seq, c.hash, (SELECT a.hash FROM audit_logs a"
    "  WHERE a.entity_id = c.entity_id AND a.seq = c.seq)"
    " FROM audit_checkpoint_heads c WHERE c.number = $1::bigint ORDER BY c.entity_id"};

}  // namespace audit_sql

ChainHead read_head(const db::Rows& rows, int row);  // of audit_sql::heads
void add_to(VerifyReport& report, const ChainVerifier& verifier);

}  // namespace subcults::api
