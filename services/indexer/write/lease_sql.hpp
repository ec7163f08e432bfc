// Statements by which a process takes and keeps the right to write a shard.
#pragma once

#include "db/statement.hpp"

#include <array>

namespace subcults::indexer::lease_sql {

// Lies on the connection that writes, so it is free the moment its holder's connection ends.
inline constexpr db::Statement try_lock{
    "indexer_try_lock", "SELECT pg_try_advisory_lock(hashtextextended($1::text, $2::bigint))"};

// Ends the connection of a holder that shows no sign of life although the server is not at work
// for it: stopped, hung, or at the far end of a dead link. A young connection has only just taken
// the lock and has had no time for a sign. One bigint key is shown as two halves by pg_locks.
inline constexpr db::Statement evict_silent_holder{
    "indexer_evict_silent_holder",
    "SELECT count(*) FILTER (WHERE pg_terminate_backend(l.pid)) FROM pg_locks l"
    " JOIN pg_stat_activity a ON a.pid = l.pid"
    " JOIN indexer_shards s ON s.consumer = $3::text AND s.shard = $4::int"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND ((l.classid::bigint << 32) | l.objid::bigint) = hashtextextended($1::text, $2::bigint)"
    " AND a.backend_start < clock_timestamp() - make_interval(secs => $5::float8)"
    " AND s.heartbeat_at < clock_timestamp()"
    " - make_interval(secs => CASE WHEN a.state = 'active' THEN $6 ELSE $5 END::float8)"};

// The first process to come fixes the layout; everybody reads it. No row when somebody else fixes
// it at the same moment.
inline constexpr db::Statement claim_layout{
    "indexer_claim_layout",
    "WITH claimed AS (INSERT INTO indexer_layouts (consumer, shards) VALUES ($1::text, $2::int)"
    " ON CONFLICT (consumer) DO NOTHING RETURNING shards)"
    " SELECT shards FROM claimed UNION ALL"
    " SELECT shards FROM indexer_layouts WHERE consumer = $1::text LIMIT 1"};

// A new epoch: whoever held the shard before can write no more. Waits for a transaction that the
// former holder still has in flight, so that what is read afterwards is final.
inline constexpr db::Statement open_epoch{
    "indexer_open_epoch",
    "INSERT INTO indexer_shards AS s (consumer, shard, epoch, holder, heartbeat_at)"
    " VALUES ($1::text, $2::int, 1, $3::text, clock_timestamp())"
    " ON CONFLICT (consumer, shard) DO UPDATE SET epoch = s.epoch + 1, holder = EXCLUDED.holder,"
    " heartbeat_at = EXCLUDED.heartbeat_at RETURNING epoch, batch_id"};

inline constexpr db::Statement read_cursors{
    "indexer_read_cursors",
    "SELECT host, time_us, seq FROM jetstream_cursors"
    " WHERE consumer = $1::text AND dialect = $2::text AND shard = $3::int"};

// As the cursor statement of a batch: a division by zero is the fence.
inline constexpr db::Statement heartbeat{
    "indexer_heartbeat",
    "WITH alive AS (UPDATE indexer_shards SET heartbeat_at = clock_timestamp()"
    " WHERE consumer = $1::text AND shard = $2::int AND epoch = $3::bigint RETURNING 1)"
    " SELECT 1 / count(*) FROM alive"};

inline constexpr std::array all{try_lock,   evict_silent_holder, claim_layout,
                                open_epoch, read_cursors,        heartbeat};

}  // namespace subcults::indexer::lease_sql
