// The writer's statements. Every row write is guarded by rev, so that a replay changes nothing; the
// anti-join in front of each upsert keeps it from even touching the row (an ON CONFLICT whose guard
// fails still locks it and writes WAL).
#pragma once

#include "db/statement.hpp"

#include <array>

namespace subcults::indexer::writer_sql {

// One process writes per shard: the lock lies on the connection that writes.
inline constexpr db::Statement try_lease{
    "indexer_try_lease", "SELECT pg_try_advisory_lock(hashtextextended($1::text, $2::bigint))"};

// A new epoch: whoever held the shard before can write no more. One row per server.
inline constexpr db::Statement open_epoch{
    "indexer_open_epoch",
    "INSERT INTO jetstream_cursors AS c (consumer, host, dialect, shard, epoch)"
    " SELECT $1::text, h.host, $2::text, $3::int, 1 FROM unnest($4::text[]) AS h(host)"
    " ON CONFLICT (consumer, host, dialect, shard) DO UPDATE SET epoch = c.epoch + 1"
    " RETURNING host, time_us, seq, epoch, batch_id"};

// Moves the cursor, if the epoch is still ours. If it is not, the division by zero aborts the
// transaction that this statement opens: no row of a fenced writer can commit.
inline constexpr db::Statement move_cursor{
    "indexer_cursor",
    "WITH moved AS (UPDATE jetstream_cursors"
    " SET time_us = greatest(time_us, $5::bigint), seq = coalesce($6::bigint, seq),"
    " batch_id = $7::uuid, updated_at = now()"
    " WHERE consumer = $1::text AND host = $2::text AND dialect = $3::text AND shard = $4::int"
    " AND epoch = $8::bigint RETURNING 1) SELECT 1 / count(*) FROM moved"};

inline constexpr db::Statement purge_records{
    "indexer_purge_records",
    "UPDATE records SET record = NULL, cid = NULL, deleted_at = now()"
    " WHERE did = ANY($1::text[]) AND deleted_at IS NULL"};
inline constexpr db::Statement purge_scenes{
    "indexer_purge_scenes",
    "UPDATE scenes SET name = '', description = NULL, tags = '{}', coarse_geohash = NULL,"
    " deleted_at = now() WHERE owner_did = ANY($1::text[]) AND deleted_at IS NULL"};
inline constexpr db::Statement purge_quarantine{
    "indexer_purge_quarantine", "DELETE FROM quarantined_events WHERE did = ANY($1::text[])"};

inline constexpr db::Statement upsert_records{
    "indexer_records",
    "INSERT INTO records AS t (did, collection, rkey, rev, cid, record, time_us, deleted_at)"
    " SELECT e.did, e.collection, e.rkey, e.rev, e.cid, e.record, e.time_us,"
    " CASE WHEN e.record IS NULL THEN now() END"
    " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[],"
    " $7::bigint[]) AS e(did, collection, rkey, rev, cid, record, time_us)"
    " LEFT JOIN LATERAL (SELECT r.rev FROM records r WHERE r.did = e.did"
    " AND r.collection = e.collection AND r.rkey = e.rkey LIMIT 1) r ON true"
    " WHERE r.rev IS NULL OR r.rev < e.rev"
    " ON CONFLICT (did, collection, rkey) DO UPDATE SET rev = EXCLUDED.rev, cid = EXCLUDED.cid,"
    " record = EXCLUDED.record, time_us = EXCLUDED.time_us, indexed_at = now(),"
    " deleted_at = EXCLUDED.deleted_at WHERE t.rev < EXCLUDED.rev"};

inline constexpr db::Statement upsert_scenes{
    "indexer_scenes",
    "INSERT INTO scenes AS t (id, uri, owner_did, rev, name, description, tags, visibility,"
    " coarse_geohash, created_at, deleted_at)"
    " SELECT e.id, e.uri, e.owner_did, e.rev, e.name, e.description,"
    " ARRAY(SELECT jsonb_array_elements_text(e.tags)), e.visibility, e.geohash, e.created_at,"
    " CASE WHEN e.deleted THEN now() END"
    " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],"
    " $7::jsonb[], $8::text[], $9::text[], $10::timestamptz[], $11::boolean[])"
    " AS e(id, uri, owner_did, rev, name, description, tags, visibility, geohash, created_at,"
    " deleted)"
    " LEFT JOIN LATERAL (SELECT s.rev FROM scenes s WHERE s.id = e.id LIMIT 1) s ON true"
    " WHERE s.rev IS NULL OR s.rev < e.rev"
    " ON CONFLICT (id) DO UPDATE SET rev = EXCLUDED.rev, name = EXCLUDED.name,"
    " description = EXCLUDED.description, tags = EXCLUDED.tags, visibility = EXCLUDED.visibility,"
    " coarse_geohash = EXCLUDED.coarse_geohash, created_at = EXCLUDED.created_at,"
    " indexed_at = now(), deleted_at = EXCLUDED.deleted_at WHERE t.rev < EXCLUDED.rev"};

// Only accounts that own something here: the network has millions of others.
inline constexpr db::Statement hide_accounts{
    "indexer_hide_accounts",
    "INSERT INTO hidden_accounts (did, status)"
    " SELECT e.did, e.status FROM unnest($1::text[], $2::text[]) AS e(did, status)"
    " WHERE EXISTS (SELECT 1 FROM records r WHERE r.did = e.did)"
    " ON CONFLICT (did) DO UPDATE SET status = EXCLUDED.status"
    " WHERE hidden_accounts.status <> EXCLUDED.status"};
inline constexpr db::Statement show_accounts{
    "indexer_show_accounts", "DELETE FROM hidden_accounts WHERE did = ANY($1::text[])"};

inline constexpr db::Statement quarantine{
    "indexer_quarantine",
    "INSERT INTO quarantined_events AS q (fingerprint, consumer, did, time_us, reason, path,"
    " detail, raw, raw_bytes)"
    " SELECT DISTINCT ON (e.fingerprint) e.fingerprint, $1::text, e.did, e.time_us, e.reason,"
    " e.path, e.detail, e.raw, e.raw_bytes"
    " FROM unnest($2::bytea[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[],"
    " $8::bytea[], $9::bigint[])"
    " AS e(fingerprint, did, time_us, reason, path, detail, raw, raw_bytes)"
    " ORDER BY e.fingerprint"
    " ON CONFLICT (fingerprint) DO UPDATE SET seen = q.seen + 1, last_seen = now()"};

// The quarantine is bounded: the rows that were seen longest ago go first.
inline constexpr db::Statement prune_quarantine{
    "indexer_prune_quarantine",
    "DELETE FROM quarantined_events WHERE fingerprint IN (SELECT fingerprint"
    " FROM quarantined_events ORDER BY last_seen DESC, fingerprint OFFSET $1::bigint)"};

inline constexpr std::array all{try_lease,     open_epoch,       move_cursor,    purge_records,
                                purge_scenes,  purge_quarantine, upsert_records, upsert_scenes,
                                hide_accounts, show_accounts,    quarantine,     prune_quarantine};

}  // namespace subcults::indexer::writer_sql
