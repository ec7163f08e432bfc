// Statements that verifying shares, and how their rows are read.
#pragma once

#include "audit/audit_queries.hpp"

namespace subcults::api {

namespace audit_sql {

#define SUBCULTS_HEADS(condition) \
    "SELECT s.id, s.head_seq, s.head_hash, s.join_count, s.leave_count, s.head_at,"              \
    " 'stream_session'::text COLLATE \"C\" FROM stream_sessions s WHERE " condition("s.id", "s") \
    " UNION ALL"                                                                                 \
    " SELECT h.entity_id, h.head_seq, h.head_hash, NULL::bigint, NULL::bigint, h.head_at,"       \
    " h.entity_type FROM audit_heads h WHERE " condition("h.entity_id", "h")
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
#define SUBCULTS_LISTED                                         \
    "SELECT c.entity_id, c.seq, c.hash, a.hash, c.number, k.at" \
    " FROM audit_checkpoint_heads c"                            \
    " LEFT JOIN audit_checkpoints k ON k.number = c.number"     \
    " LEFT JOIN audit_logs a ON a.entity_id = c.entity_id AND a.seq = c.seq"
inline constexpr db::Statement checkpoint_heads{
    "audit_checkpoint_heads",
    SUBCULTS_LISTED " WHERE c.number = $1::bigint ORDER BY c.entity_id, c.seq"};
// At most so many of each kind are reported: the first one says enough.
inline constexpr std::int64_t max_mistakes = 1000;
// Of one chain: what is listed and is not there, or is another entry, or is listed for nothing.
inline constexpr db::Statement list_mistakes{
    "audit_list_mistakes", SUBCULTS_LISTED
    " WHERE c.entity_id = $1::uuid AND (k.number IS NULL OR a.hash IS DISTINCT FROM c.hash)"
    " ORDER BY c.seq, c.number LIMIT $2::bigint"};
inline constexpr db::Statement stray_heads{
    "audit_stray_heads", SUBCULTS_LISTED
    " WHERE k.number IS NULL ORDER BY c.number, c.entity_id, c.seq LIMIT $1::bigint"};
#undef SUBCULTS_LISTED
// Chains that no checkpoint knows the end of, and that have not moved since $1.
inline constexpr db::Statement uncovered{
    "audit_uncovered",
    "SELECT x.id, x.seq FROM"
    " (SELECT id, head_seq AS seq FROM stream_sessions WHERE head_at < $1::timestamptz"
    "  UNION ALL SELECT entity_id, head_seq FROM audit_heads WHERE head_at < $1::timestamptz) x"
    " WHERE x.seq > 0 AND NOT EXISTS (SELECT 1 FROM audit_checkpoint_heads c"
    "  JOIN audit_checkpoints k ON k.number = c.number"
    "  WHERE c.entity_id = x.id AND c.seq >= x.seq) ORDER BY x.id LIMIT $2::bigint"};

}  // namespace audit_sql

ChainHead read_head(const db::Rows& rows, int row);  // of audit_sql::heads
// Of the statements that begin with the columns of checkpoint_heads.
CheckpointVerifier::Listed read_listed(const db::Rows& rows, int row);

}  // namespace subcults::api
