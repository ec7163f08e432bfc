// The ledger's statements. Look-ups go key by key through LATERAL … LIMIT 1 and the writer's
// connections plan generically with sequential scans off: a plan made on an empty, freshly analysed
// table would scan, and cost fifteen times as much per join later.
#pragma once

#include "db/statement.hpp"

#include <array>

namespace subcults::api::ledger_sql {

#define SUBCULTS_SESSION_COLUMNS                                                                 \
    "id, room_name, host_did, scene_id, event_id, started_at, ended_at, is_locked, join_count, " \
    "leave_count, active_count, head_seq, head_hash, head_at, kid"

// Locked in id order. A session that another replica holds is left out, so that one slow row does
// not stall the whole batch.
inline constexpr db::Statement lock_sessions{"ledger_lock",
                                             "SELECT " SUBCULTS_SESSION_COLUMNS
                                             " FROM stream_sessions WHERE id = ANY($1::uuid[])"
                                             " ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"};

// The same, waiting (up to lock_timeout): for sessions that were left out too often, and for
// finding out what became of a commit.
inline constexpr db::Statement lock_sessions_waiting{
    "ledger_lock_wait", "SELECT " SUBCULTS_SESSION_COLUMNS
                        " FROM stream_sessions WHERE id = ANY($1::uuid[])"
                        " ORDER BY id FOR NO KEY UPDATE"};

#undef SUBCULTS_SESSION_COLUMNS

// Which of the sessions that were not locked exist at all.
inline constexpr db::Statement existing_sessions{
    "ledger_existing",
    "SELECT s.id FROM unnest($1::uuid[]) AS k(id) CROSS JOIN LATERAL"
    " (SELECT id FROM stream_sessions s WHERE s.id = k.id LIMIT 1) s"};

// Statements of their own after the lock: when lock and reads are one statement, a waiter sees the
// new session row beside participants from before it.
inline constexpr db::Statement participants{
    "ledger_participants",
    "SELECT k.session, k.participant, p.first_joined_at, p.joined_at, p.left_at,"
    " p.reconnection_count"
    " FROM unnest($1::uuid[], $2::text[]) AS k(session, participant) CROSS JOIN LATERAL"
    " (SELECT first_joined_at, joined_at, left_at, reconnection_count FROM stream_participants p"
    "  WHERE p.stream_session_id = k.session AND p.participant_id = k.participant LIMIT 1) p"};

inline constexpr db::Statement idempotency_keys{
    "ledger_keys",
    "SELECT k.session, k.key, i.request_hash, i.answer_count"
    " FROM unnest($1::uuid[], $2::bytea[]) AS k(session, key) CROSS JOIN LATERAL"
    " (SELECT request_hash, answer_count FROM idempotency_keys i"
    "  WHERE i.stream_session_id = k.session AND i.key_hash = k.key"
    "    AND i.created_at > $3::timestamptz LIMIT 1) i"};

inline constexpr db::Statement update_sessions{
    "ledger_update",
    "UPDATE stream_sessions s SET join_count = u.join_count, leave_count = u.leave_count,"
    " active_count = u.active_count, ended_at = u.ended_at, is_locked = u.is_locked,"
    " head_seq = u.head_seq, head_hash = u.head_hash, head_at = u.head_at"
    " FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[],"
    " $6::boolean[], $7::bigint[], $8::bytea[], $9::timestamptz[])"
    " AS u(id, join_count, leave_count, active_count, ended_at, is_locked, head_seq, head_hash,"
    " head_at) WHERE s.id = u.id"};

inline constexpr db::Statement upsert_participants{
    "ledger_upsert_participants",
    "INSERT INTO stream_participants (stream_session_id, participant_id, first_joined_at,"
    " joined_at, left_at, reconnection_count)"
    " SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[],"
    " $5::timestamptz[], $6::bigint[])"
    " ON CONFLICT (stream_session_id, participant_id) DO UPDATE SET"
    " joined_at = EXCLUDED.joined_at, left_at = EXCLUDED.left_at,"
    " reconnection_count = EXCLUDED.reconnection_count"};

inline constexpr db::Statement close_participants{
    "ledger_close_participants",
    "UPDATE stream_participants p SET left_at = u.ended_at"
    " FROM unnest($1::uuid[], $2::timestamptz[]) AS u(id, ended_at)"
    " WHERE p.stream_session_id = u.id AND p.left_at IS NULL"};

inline constexpr db::Statement insert_audit{
    "ledger_insert_audit",
    "INSERT INTO audit_logs (entity_id, seq, entity_type, action, outcome, actor, nonce,"
    " commitment, request_id, created_at, kid, hash)"
    " SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[],"
    " $6::bytea[], $7::bytea[], $8::bytea[], $9::text[], $10::timestamptz[], $11::bigint[],"
    " $12::bytea[])"};

inline constexpr db::Statement insert_keys{
    "ledger_insert_keys",
    "INSERT INTO idempotency_keys (stream_session_id, key_hash, request_hash, answer_count,"
    " created_at) SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bigint[],"
    " $5::timestamptz[])"
    " ON CONFLICT (stream_session_id, key_hash) DO UPDATE SET request_hash = EXCLUDED.request_hash,"
    " answer_count = EXCLUDED.answer_count, created_at = EXCLUDED.created_at"};

inline constexpr db::Statement free_subjects{
    "ledger_free_subjects",
    "DELETE FROM active_streams WHERE session_id = ANY($1::uuid[])"
    " AND subject_id = ANY($2::uuid[])"};

// Did this head become part of the chain? Asked after a connection broke during COMMIT.
inline constexpr db::Statement audit_heads{
    "ledger_audit_heads",
    "SELECT a.hash FROM unnest($1::uuid[], $2::bigint[]) AS k(id, seq) CROSS JOIN LATERAL"
    " (SELECT hash FROM audit_logs a WHERE a.entity_id = k.id AND a.seq = k.seq LIMIT 1) a"};

// Who owns a subject: a scene's owner, an event's scene's owner. Hidden accounts own nothing.
inline constexpr db::Statement subjects{
    "ledger_subjects",
    "SELECT k.id, x.owner_did, x.deleted FROM unnest($1::uuid[], $2::boolean[]) AS k(id, is_event)"
    " CROSS JOIN LATERAL"
    " (SELECT s.owner_did, s.deleted_at IS NOT NULL AS deleted FROM scenes s"
    "   WHERE NOT k.is_event AND s.id = k.id"
    "     AND NOT EXISTS (SELECT 1 FROM hidden_accounts h WHERE h.did = s.owner_did)"
    "  UNION ALL"
    "  SELECT s.owner_did, (e.deleted_at IS NOT NULL OR s.deleted_at IS NOT NULL)"
    "   FROM events e JOIN scenes s ON s.id = e.scene_id"
    "   WHERE k.is_event AND e.id = k.id"
    "     AND NOT EXISTS (SELECT 1 FROM hidden_accounts h WHERE h.did = s.owner_did)"
    "  LIMIT 1) x"};

// Returns the sessions that hold their subject now: newly, or already (an attempt whose answer was
// lost). Each subject at most once per call.
inline constexpr db::Statement win_subjects{
    "ledger_win_subjects",
    "INSERT INTO active_streams (subject_id, session_id)"
    " SELECT subject, session FROM unnest($1::uuid[], $2::uuid[]) AS u(subject, session)"
    " ORDER BY subject ON CONFLICT (subject_id) DO UPDATE SET session_id = EXCLUDED.session_id"
    " WHERE active_streams.session_id = EXCLUDED.session_id RETURNING session_id"};

inline constexpr db::Statement insert_sessions{
    "ledger_insert_sessions",
    "INSERT INTO stream_sessions (id, room_name, host_did, scene_id, event_id, started_at,"
    " head_seq, head_hash, head_at, kid)"
    " SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[],"
    " $6::timestamptz[], $7::bigint[], $8::bytea[], $9::timestamptz[], $10::bigint[])"};

inline constexpr db::Statement insert_rooms{"ledger_insert_rooms",
                                            "INSERT INTO stream_rooms (room_name, session_id)"
                                            " SELECT * FROM unnest($1::text[], $2::uuid[])"};

inline constexpr std::array all{
    lock_sessions,    lock_sessions_waiting, existing_sessions,   participants,
    idempotency_keys, update_sessions,       upsert_participants, close_participants,
    insert_audit,     insert_keys,           free_subjects,       audit_heads,
    subjects,         win_subjects,          insert_sessions,     insert_rooms};

}  // namespace subcults::api::ledger_sql
