// The writer's statements. Every row write is guarded by rev, so that a replay changes nothing; the
// anti-join in front of each upsert keeps it from even touching the row (an ON CONFLICT whose guard
// fails still locks it and writes WAL).
#pragma once

#include "db/statement.hpp"
#include "write/account_sql.hpp"
#include "write/typed_sql.hpp"

#include <array>

namespace subcults::indexer::writer_sql {

// Moves the cursor, if the epoch is still ours. If it is not, the division by zero aborts the
// transaction that this statement opens: no row of a fenced writer can commit.
inline constexpr db::Statement move_cursor{
    "indexer_cursor",
    "WITH fence AS (UPDATE indexer_shards SET batch_id = $7::uuid,"
    " heartbeat_at = clock_timestamp() WHERE consumer = $1::text AND shard = $4::int"
    " AND epoch = $8::bigint RETURNING 1),"
    " moved AS (INSERT INTO jetstream_cursors AS c (consumer, host, dialect, shard, time_us, seq)"
    " SELECT $1::text, $2::text, $3::text, $4::int, $5::bigint, $6::bigint FROM fence"
    " ON CONFLICT (consumer, host, dialect, shard) DO UPDATE"
    " SET time_us = greatest(c.time_us, EXCLUDED.time_us),"
    " seq = coalesce(EXCLUDED.seq, c.seq), updated_at = now())"
    " SELECT 1 / count(*) FROM fence"};

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

// A frame that was quarantined, seen again, is one row.
inline constexpr db::Statement quarantine{
    "indexer_quarantine",
    "INSERT INTO quarantined_events AS q (fingerprint, consumer, did, collection, rkey, rev,"
    " time_us, reason, path, detail, raw, raw_bytes)"
    " SELECT DISTINCT ON (e.fingerprint) e.fingerprint, $1::text, e.did, e.collection, e.rkey,"
    " e.rev, e.time_us, e.reason, e.path, e.detail, e.raw, e.raw_bytes"
    " FROM unnest($2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],"
    " $8::text[], $9::text[], $10::text[], $11::bytea[], $12::bigint[])"
    " AS e(fingerprint, did, collection, rkey, rev, time_us, reason, path, detail, raw,"
    " raw_bytes) ORDER BY e.fingerprint"
    " ON CONFLICT (fingerprint) DO UPDATE SET seen = q.seen + 1, last_seen = now()"};
inline constexpr db::Statement resolve_quarantine{
    "indexer_resolve_quarantine",
    "DELETE FROM quarantined_events WHERE fingerprint = ANY($1::bytea[])"};

// The quarantine is bounded: the rows that were seen longest ago go first.
inline constexpr db::Statement prune_quarantine{
    "indexer_prune_quarantine",
    "DELETE FROM quarantined_events WHERE fingerprint IN (SELECT fingerprint"
    " FROM quarantined_events ORDER BY last_seen DESC, fingerprint OFFSET $1::bigint)"};

inline constexpr std::array all{
    move_cursor,      know_accounts,    upsert_records,     upsert_scenes,      upsert_events,
    upsert_posts,     upsert_alliances, upsert_memberships, raise_purge_floor,  purge_records,
    purge_scenes,     purge_events,     purge_posts,        purge_alliances,    purge_memberships,
    purge_quarantine, update_handles,   update_accounts,    resolve_quarantine, quarantine,
    prune_quarantine};

}  // namespace subcults::indexer::writer_sql
