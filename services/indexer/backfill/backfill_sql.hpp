// Statements about the rows of index_backfills. A backfill that an operator has cancelled meanwhile
// is found by none of them.
#pragma once

#include "db/statement.hpp"

#include <array>

namespace subcults::indexer::backfill_sql {

// What operators are told of, and what tells indexers that there is something to do.
inline constexpr const char* channel = "subcults_backfill";

inline constexpr db::Statement next{
    "backfill_next",
    "SELECT id, from_us, to_us, position_us, host, written_us FROM index_backfills"
    " WHERE consumer = $1::text AND status IN ('waiting', 'running') ORDER BY id LIMIT 1"};

inline constexpr db::Statement begin{
    "backfill_begin",
    "UPDATE index_backfills SET status = 'running', runs = runs + 1,"
    " started_at = coalesce(started_at, clock_timestamp()), updated_at = clock_timestamp()"
    " WHERE id = $1::bigint AND status IN ('waiting', 'running')"};

// No batch of a live writer is under way while these are locked, so that, say, the deletion of an
// account comes either wholly before or wholly after (quarantine_retry.hpp). In the order in which
// everybody locks them.
inline constexpr db::Statement lock_shards{
    "backfill_lock_shards",
    "SELECT shard FROM indexer_shards WHERE consumer = $1::text ORDER BY shard FOR UPDATE"};

// The division by zero ends the transaction of a backfill that was cancelled.
inline constexpr db::Statement advance{
    "backfill_advance",
    "WITH moved AS (UPDATE index_backfills SET host = $2::text,"
    " position_us = greatest(position_us, $3::bigint),"
    " oldest_us = least(oldest_us, $4::bigint), events = events + $5::bigint,"
    " rows_changed = rows_changed + $6::bigint, set_aside = set_aside + $7::bigint,"
    " missing_seconds = missing_seconds + $8::float8, written_us = CASE WHEN $9::boolean"
    " THEN (extract(epoch FROM clock_timestamp()) * 1000000)::bigint ELSE written_us END,"
    " updated_at = clock_timestamp()"
    " WHERE id = $1::bigint AND status = 'running' RETURNING 1) SELECT 1 / count(*) FROM moved"};

inline constexpr db::Statement complete{
    "backfill_complete",
    "UPDATE index_backfills SET status = 'completed', finished_at = clock_timestamp(),"
    " updated_at = clock_timestamp() WHERE id = $1::bigint AND status = 'running'"};

// Another run is wanted, on whatever process.
inline constexpr db::Statement tell{"backfill_tell",
                                    "SELECT pg_notify('subcults_backfill', '')::text"};

inline constexpr std::array all{next, begin, lock_shards, advance, complete, tell};

// --- operators -----------------------------------------------------------------------------------

inline constexpr db::Statement request{
    "backfill_request",
    "WITH made AS (INSERT INTO index_backfills (consumer, source, from_us, to_us)"
    " VALUES ($1::text, 'jetstream', $2::bigint, $3::bigint) RETURNING id)"
    " SELECT id, pg_notify('subcults_backfill', '')::text FROM made"};

inline constexpr db::Statement cancel{
    "backfill_cancel",
    "UPDATE index_backfills SET status = 'cancelled', finished_at = clock_timestamp(),"
    " updated_at = clock_timestamp() WHERE id = $1::bigint AND consumer = $2::text"
    " AND status IN ('waiting', 'running')"};

#define SUBCULTS_BACKFILL_COLUMNS                                                    \
    "b.id, b.status, b.from_us, b.to_us, b.position_us, b.oldest_us, b.events,"      \
    " b.rows_changed, b.set_aside, b.missing_seconds, b.runs, coalesce(b.host, '')," \
    " CASE WHEN b.status IN ('waiting', 'running') AND j.result = 'failure'"         \
    " AND j.finished_at >= b.requested_at THEN coalesce(j.error_type, '') ELSE '' END"
#define SUBCULTS_BACKFILLS                                \
    " FROM index_backfills b LEFT JOIN background_jobs j" \
    " ON j.job_type = 'index_backfill' WHERE b.consumer = $1::text"
inline constexpr db::Statement show_one{"backfill_show",
                                        "SELECT " SUBCULTS_BACKFILL_COLUMNS SUBCULTS_BACKFILLS
                                        " AND b.id = $2::bigint"};
inline constexpr db::Statement show_all{"backfill_list",
                                        "SELECT " SUBCULTS_BACKFILL_COLUMNS SUBCULTS_BACKFILLS
                                        " ORDER BY b.id DESC LIMIT $2::bigint"};
#undef SUBCULTS_BACKFILLS
#undef SUBCULTS_BACKFILL_COLUMNS

inline constexpr std::array operators{request, cancel, show_one, show_all};

}  // namespace subcults::indexer::backfill_sql
