// The database schema: SQL files in order, embedded in the binaries, applied once each.
//
// Each applied migration is a row of `schema_migrations` with its checksum and the
// `compatible_from` it declared in its first line (`-- compatible_from: N`): the lowest migration
// number that a binary must know to work with the schema as it is after this migration. So an old
// binary runs on a newer schema until a migration says otherwise, and rolling upgrades work in
// both directions.
//
// Safe to start from several processes at once: an advisory lock is polled (not waited for: a
// waiting lock holds a snapshot and would block CREATE INDEX CONCURRENTLY).
#pragma once

#include "base/log.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "db/connection.hpp"

#include <boost/asio/awaitable.hpp>

#include <span>
#include <string>
#include <string_view>

namespace subcults::schema {

struct Migration {
    int number = 0;
    int compatible_from = 0;
    std::string_view name;  // file name without number and extension
    std::string_view sql;
    std::string_view checksum;  // SHA-256 of the file, hex
};

// The migrations built into this binary, rising by number.
std::span<const Migration> migrations() noexcept;

// Brings the database up to date. Returns how many were applied, or a message for the operator
// (a checksum that differs from the applied one is an error: history was edited).
// Each migration runs in a transaction of its own together with its row, so it must not contain
// BEGIN, COMMIT or what cannot run in one (CREATE INDEX CONCURRENTLY). A lock on a table is waited
// for 5 s at a time and tried again until the deadline, so that nothing queues up behind it.
// A database that is ahead of this binary is left alone, and is an error only when it says that
// such a binary no longer fits.
boost::asio::awaitable<Result<int, std::string>> migrate(db::Connection& connection, Log& log,
                                                         Deadline deadline);
// The same with migrations other than the built-in ones; they must outlive the call.
boost::asio::awaitable<Result<int, std::string>> migrate(db::Connection& connection,
                                                         std::span<const Migration> known, Log& log,
                                                         Deadline deadline);

enum class Compatibility {
    current,       // this binary's schema, or a newer one that still accepts it
    behind,        // migrations of this binary are missing: run `subcults-api migrate`
    incompatible,  // the schema has moved past what this binary can work with
};
struct Check {
    Compatibility verdict = Compatibility::behind;
    int applied = 0;          // highest migration in the database, 0 = none
    int compatible_from = 0;  // what the database demands
    int known = 0;            // highest migration in this binary
};
boost::asio::awaitable<db::DbResult<Check>> check(db::Connection& connection, Deadline deadline);
boost::asio::awaitable<db::DbResult<Check>> check(db::Connection& connection,
                                                  std::span<const Migration> known,
                                                  Deadline deadline);

// A migration as the database remembers it.
struct Applied {
    int number = 0;
    int compatible_from = 0;
    std::string name;
    std::string checksum;
};
// What is left to apply: `known` from some position on. Both rise by number. The error is for the
// operator: an edited, missing or foreign migration, or a database that has moved too far.
Result<std::span<const Migration>, std::string> pending(std::span<const Migration> known,
                                                        std::span<const Applied> applied);

// The decision alone (for tests): what a binary that knows `known` makes of such a database.
Compatibility judge(int known, int applied, int compatible_from) noexcept;

}  // namespace subcults::schema
