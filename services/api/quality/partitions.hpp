// Partitions of reports and measurements: made ahead and dropped when they are old, both by the job
// stream_cleanup. Whoever misses one makes it as well.
#pragma once

#include "db/connection.hpp"

#include <boost/asio/awaitable.hpp>

#include <vector>

namespace subcults::api::quality {

// Makes those that are missing around `now`; how many. Several processes may do it at once.
boost::asio::awaitable<db::DbResult<std::int64_t>> add_partitions(db::Connection& connection,
                                                                  UnixMicros now,
                                                                  Deadline deadline);

// Drops those that hold nothing younger than `retention_days` (measurements) or some hours
// (reports), one transaction each; how many. A table that is busy is left for the next time:
// SQLSTATE 55P03.
boost::asio::awaitable<db::DbResult<std::int64_t>> drop_partitions(db::Connection& connection,
                                                                   UnixMicros now,
                                                                   std::int64_t retention_days,
                                                                   Deadline deadline);

// Whether a statement failed because there is no partition for one of its rows.
bool partition_missing(const db::Error& error) noexcept;

std::vector<db::Statement> partition_statements();

}  // namespace subcults::api::quality
