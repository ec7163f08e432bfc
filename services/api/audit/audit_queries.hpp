// Reading audit chains: pages for people, and whole chains to be verified.
#pragma once

#include "audit/audit_rows.hpp"
#include "audit/chain_verifier.hpp"
#include "audit/checkpoint_verifier.hpp"
#include "audit/verify_report.hpp"
#include "db/pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>
#include <vector>

namespace subcults::api {

// The position of a page's last entry: what a cursor holds.
struct AuditPosition {
    Uuid entity;
    std::int64_t seq = 0;
    std::string encode() const;  // opaque text, URL-safe
    static std::optional<AuditPosition> decode(std::string_view text);
};

struct AuditFilter {
    std::string entity_type;  // empty = any
    std::optional<Uuid> entity;
};

struct AuditPage {
    std::vector<StoredEntry> entries;
    std::optional<AuditPosition> next;  // set when there are more
    bool last_ended = false;            // the chain of the last entry has no further ones
};

// Keyset pagination in the order of (entity_id, seq): the cost of a page does not grow with its
// distance, and entries that are added meanwhile never shift a page.
boost::asio::awaitable<db::DbResult<AuditPage>> list_entries(db::Pool& pool, AuditFilter filter,
                                                             std::optional<AuditPosition> after,
                                                             int limit, Deadline deadline);

// These read within a transaction that sees one state of the database: begin_snapshot() first,
// end_snapshot() when all went well; after an error the connection is in that transaction still.
// Connections must have audit_statements() prepared. Every statement has `limit` to finish.
boost::asio::awaitable<db::DbResult<void>> begin_snapshot(db::Connection& connection,
                                                          SteadyClock::duration limit);
boost::asio::awaitable<db::DbResult<void>> end_snapshot(db::Connection& connection,
                                                        SteadyClock::duration limit);

// One chain, its newest `max_entries` at most, and whether it holds what the stored checkpoints
// list of it. An entity without entries, head and list has no chain: nothing is added to the
// report. What it takes more than one chain to see is seen by verify_all() and
// verify_checkpoints() only: lists that were changed, and actors emptied by nobody's erasure.
boost::asio::awaitable<db::DbResult<void>> verify_chain(db::Connection& connection,
                                                        PrivacyKeys& keys, Uuid entity,
                                                        std::int64_t max_entries,
                                                        SteadyClock::duration limit,
                                                        VerifyReport& report);
// The chains of sessions that began last and of other entities whose chains moved last, `chains`
// of each kind.
boost::asio::awaitable<db::DbResult<void>> verify_recent(db::Connection& connection,
                                                         PrivacyKeys& keys, std::int64_t chains,
                                                         std::int64_t max_entries,
                                                         SteadyClock::duration limit,
                                                         VerifyReport& report);
// Every chain and every head, and whether erasures account for what is emptied. Memory does not
// grow with their number.
boost::asio::awaitable<db::DbResult<void>> verify_all(db::Connection& connection, PrivacyKeys& keys,
                                                      SteadyClock::duration limit,
                                                      VerifyReport& report);
// Every stored checkpoint against the chains, heads that are listed for none, and chains that none
// covers though they have long been as they are.
boost::asio::awaitable<db::DbResult<void>> verify_checkpoints(db::Connection& connection,
                                                              SteadyClock::duration limit,
                                                              CheckpointVerifier& verifier);

// What an entity's row says of its chain; nullopt = there is none.
boost::asio::awaitable<db::DbResult<std::optional<ChainHead>>> find_head(
    db::Connection& connection, Uuid entity, SteadyClock::duration limit);
// Entries of one chain after `after`, `count` at most.
boost::asio::awaitable<db::DbResult<std::vector<StoredEntry>>> read_chain(
    db::Connection& connection, Uuid entity, std::int64_t after, std::int64_t count,
    SteadyClock::duration limit);

std::vector<db::Statement> audit_statements();

Checkpoint read_checkpoint(const db::Rows& rows, int row);  // of the columns below
#define SUBCULTS_CHECKPOINT_COLUMNS "number, at, heads, root, previous_root, kid, signature"

}  // namespace subcults::api
