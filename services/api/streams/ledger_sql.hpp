// The ledger's statements. Look-ups go key by key through LATERAL … LIMIT 1 and the writer's
// connections plan generically with sequential scans off: a plan made on an empty, freshly analysed
// table would scan, and cost fifteen times as much per join later.
#pragma once

#include "audit/audit_rows.hpp"
#include "db/statement.hpp"

#include <array>

namespace subcults::api::ledger_sql {

#define SUBCULTS_SESSION_COLUMNS                                                                 \
    "id, room_name, host_did, scene_id, event_id, started_at, ended_at, is_locked, join_count, " \
    "leave_count, active_count, head_seq, head_hash, head_at, kid, first_track_at, "             \
    "hosting_scene_id"

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
#define SUBCULTS_PARTICIPANT_COLUMNS                                                      \
    "p.participant_id, p.first_joined_at, p.joined_at, p.left_at, p.reconnection_count, " \
    "p.token_issued_at, p.latency_wanted, p.latency_done, p.leave_requested_at, "         \
    "p.livekit_sid, p.livekit_since, p.livekit_active_at, p.stay"

// A row per key; without a participant its columns are NULL.
inline constexpr db::Statement participants{
    "ledger_participants",
    "SELECT k.session, k.participant, b.banned, " SUBCULTS_PARTICIPANT_COLUMNS
    " FROM unnest($1::uuid[], $2::text[]) AS k(session, participant)"
    " LEFT JOIN LATERAL (SELECT * FROM stream_participants p"
    "  WHERE p.stream_session_id = k.session AND p.participant_id = k.participant LIMIT 1) p"
    " ON true"
    " LEFT JOIN LATERAL (SELECT true AS banned FROM stream_bans b"
    "  WHERE b.stream_session_id = k.session AND b.participant_id = k.participant LIMIT 1) b"
    " ON true"};

// Those whose join waits for the room's first track to be measured. Once per session, when that
// track comes, so the walk over a session's participants needs no index of its own.
inline constexpr db::Statement waiting_participants{
    "ledger_waiting",
    "SELECT p.stream_session_id, p.participant_id, NULL::boolean, " SUBCULTS_PARTICIPANT_COLUMNS
    " FROM stream_participants p WHERE p.stream_session_id = ANY($1::uuid[])"
    " AND p.latency_wanted AND NOT p.latency_done AND p.token_issued_at IS NOT NULL"
    " AND p.livekit_active_at IS NOT NULL"};

#undef SUBCULTS_PARTICIPANT_COLUMNS

inline constexpr db::Statement stays{
    "ledger_stays",
    "SELECT k.session, k.participant, k.stay, s.joined_at, s.left_at"
    " FROM unnest($1::uuid[], $2::text[], $3::text[]) AS k(session, participant, stay)"
    " CROSS JOIN LATERAL (SELECT joined_at, left_at FROM stream_participations s"
    "  WHERE s.stream_session_id = k.session AND s.participant_id = k.participant"
    "    AND s.stay = k.stay LIMIT 1) s"};

// Age is no condition here but judged by the reader: on a table that was analysed while empty the
// planner would walk the index on created_at instead, past every key of the day for each look-up.
inline constexpr db::Statement idempotency_keys{
    "ledger_keys",
    "SELECT k.session, k.key, i.request_hash, i.answer_count, i.created_at"
    " FROM unnest($1::uuid[], $2::bytea[]) AS k(session, key) CROSS JOIN LATERAL"
    " (SELECT request_hash, answer_count, created_at FROM idempotency_keys i"
    "  WHERE i.stream_session_id = k.session AND i.key_hash = k.key LIMIT 1) i"};

// By place: an ordinary join with the array may be planned as a walk over all sessions. The rows
// are locked, so they stay where they are.
inline constexpr db::Statement update_sessions{
    "ledger_update",
    "UPDATE stream_sessions s SET join_count = u.join_count, leave_count = u.leave_count,"
    " active_count = u.active_count, ended_at = u.ended_at, is_locked = u.is_locked,"
    " head_seq = u.head_seq, head_hash = u.head_hash, head_at = u.head_at,"
    " first_track_at = u.first_track_at"
    " FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[],"
    " $6::boolean[], $7::bigint[], $8::bytea[], $9::timestamptz[], $10::timestamptz[])"
    " AS u(id, join_count, leave_count, active_count, ended_at, is_locked, head_seq, head_hash,"
    " head_at, first_track_at)"
    " CROSS JOIN LATERAL (SELECT x.ctid AS place FROM stream_sessions x WHERE x.id = u.id LIMIT 1) "
    "x"
    " WHERE s.ctid = x.place"};

inline constexpr db::Statement upsert_participants{
    "ledger_upsert_participants",
    "INSERT INTO stream_participants (stream_session_id, participant_id, first_joined_at,"
    " joined_at, left_at, reconnection_count, token_issued_at, latency_wanted, latency_done,"
    " leave_requested_at, livekit_sid, livekit_since, livekit_active_at, stay)"
    " SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[],"
    " $5::timestamptz[], $6::bigint[], $7::timestamptz[], $8::boolean[], $9::boolean[],"
    " $10::timestamptz[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::text[])"
    " ON CONFLICT (stream_session_id, participant_id) DO UPDATE SET"
    " first_joined_at = EXCLUDED.first_joined_at, joined_at = EXCLUDED.joined_at,"
    " left_at = EXCLUDED.left_at, reconnection_count = EXCLUDED.reconnection_count,"
    " token_issued_at = EXCLUDED.token_issued_at, latency_wanted = EXCLUDED.latency_wanted,"
    " latency_done = EXCLUDED.latency_done, leave_requested_at = EXCLUDED.leave_requested_at,"
    " livekit_sid = EXCLUDED.livekit_sid, livekit_since = EXCLUDED.livekit_since,"
    " livekit_active_at = EXCLUDED.livekit_active_at, stay = EXCLUDED.stay"};

inline constexpr db::Statement close_participants{
    "ledger_close_participants",
    "UPDATE stream_participants p SET left_at ="
    " (SELECT u.ended_at FROM unnest($1::uuid[], $2::timestamptz[]) AS u(id, ended_at)"
    "  WHERE u.id = p.stream_session_id LIMIT 1)"
    " WHERE p.stream_session_id = ANY($1::uuid[]) AND p.left_at IS NULL"
    " AND p.joined_at IS NOT NULL"};

inline constexpr db::Statement upsert_stays{
    "ledger_upsert_stays",
    "INSERT INTO stream_participations (stream_session_id, participant_id, stay, joined_at,"
    " left_at) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[],"
    " $5::timestamptz[])"
    " ON CONFLICT (stream_session_id, participant_id, stay) DO UPDATE SET"
    " left_at = EXCLUDED.left_at"};

inline constexpr db::Statement close_stays{
    "ledger_close_stays",
    "UPDATE stream_participations s SET left_at = greatest(s.joined_at, u.left_at)"
    " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[])"
    " AS u(session, participant, stay, left_at)"
    " CROSS JOIN LATERAL (SELECT x.ctid AS place FROM stream_participations x"
    "  WHERE x.stream_session_id = u.session AND x.participant_id = u.participant"
    "    AND x.stay = u.stay LIMIT 1) x"
    " WHERE s.ctid = x.place AND (s.left_at IS NULL OR s.left_at > u.left_at)"};

inline constexpr db::Statement insert_bans{
    "ledger_insert_bans",
    "INSERT INTO stream_bans (stream_session_id, participant_id, banned_at)"
    " SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[])"
    " ON CONFLICT (stream_session_id, participant_id) DO UPDATE SET"
    " banned_at = EXCLUDED.banned_at"};

// A participant id belongs to one session only, so two lists say the same as pairs.
inline constexpr db::Statement delete_bans{
    "ledger_delete_bans",
    "DELETE FROM stream_bans WHERE stream_session_id = ANY($1::uuid[])"
    " AND participant_id = ANY($2::text[])"};

// What LiveKit has to do, for the worker that does it after the commit. A removal that waits, and
// that nobody has begun to carry out, does for a further one: it comes after whoever is to go.
inline constexpr db::Statement insert_orders{
    "ledger_insert_orders",
    "INSERT INTO livekit_outbox (stream_session_id, action, room_name, participant_id, muted,"
    " created_at, next_attempt_at, traceparent, tracestate)"
    " SELECT u.session, u.action, u.room, u.participant, u.muted, u.at, u.at, u.traceparent,"
    " u.tracestate"
    " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::boolean[],"
    " $6::timestamptz[], $7::text[], $8::text[])"
    " AS u(session, action, room, participant, muted, at, traceparent, tracestate)"
    " LEFT JOIN LATERAL (SELECT true AS waits FROM livekit_outbox o WHERE o.room_name = u.room"
    "  AND o.participant_id IS NOT DISTINCT FROM u.participant AND o.action = u.action"
    "  AND o.attempts = 0 AND u.action IN ('delete_room', 'remove_participant') LIMIT 1) w"
    " ON true WHERE w.waits IS NULL"};

// Whoever is let in again is not to be removed by what still waits.
inline constexpr db::Statement withdraw_removals{
    "ledger_withdraw_removals",
    "DELETE FROM livekit_outbox WHERE room_name = ANY($1::text[])"
    " AND participant_id = ANY($2::text[]) AND action = 'remove_participant'"};

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

// Who owns a subject: a scene's owner, an event's scene's owner. Hidden accounts own nothing, and
// an event of a hidden author is not there.
inline constexpr db::Statement subjects{
    "ledger_subjects",
    "SELECT k.id, x.owner_did, x.deleted, x.scene_id"
    " FROM unnest($1::uuid[], $2::boolean[]) AS k(id, is_event)"
    " CROSS JOIN LATERAL"
    " (SELECT s.owner_did, s.deleted_at IS NOT NULL AS deleted, s.id AS scene_id FROM scenes s"
    "   WHERE NOT k.is_event AND s.id = k.id"
    "     AND NOT EXISTS (SELECT 1 FROM hidden_accounts h WHERE h.did = s.owner_did)"
    "  UNION ALL"
    "  SELECT s.owner_did, (e.deleted_at IS NOT NULL OR s.deleted_at IS NOT NULL), s.id"
    "   FROM events e JOIN scenes s ON s.id = e.scene_id"
    "   WHERE k.is_event AND e.id = k.id"
    "     AND NOT EXISTS (SELECT 1 FROM hidden_accounts h"
    "       WHERE h.did IN (s.owner_did, e.author_did))"
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
    " head_seq, head_hash, head_at, kid, hosting_scene_id)"
    " SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[],"
    " $6::timestamptz[], $7::bigint[], $8::bytea[], $9::timestamptz[], $10::bigint[],"
    " $11::uuid[])"};

inline constexpr db::Statement insert_rooms{"ledger_insert_rooms",
                                            "INSERT INTO stream_rooms (room_name, session_id)"
                                            " SELECT * FROM unnest($1::text[], $2::uuid[])"};

inline constexpr std::array all{lock_sessions,        lock_sessions_waiting,
                                existing_sessions,    participants,
                                waiting_participants, stays,
                                idempotency_keys,     update_sessions,
                                upsert_participants,  close_participants,
                                upsert_stays,         close_stays,
                                insert_bans,          delete_bans,
                                insert_orders,        audit_sql::insert_entries,
                                insert_keys,          free_subjects,
                                audit_heads,          subjects,
                                win_subjects,         insert_sessions,
                                insert_rooms,         withdraw_removals};

}  // namespace subcults::api::ledger_sql
