// Erasing a person from the audit log: actor and target are emptied in every entry that is the
// person's, with their nonces, so that nobody can find out any more whose they were. The chains
// still verify: they cover commitments.
//
// No hash shows that something was emptied. So the entries are looked up first; then whoever erases
// writes an entry about it which names nobody and says how many there are (counts_text() with
// erased_counts as its request id); then just those are emptied. verify_all() compares the sums.
#pragma once

#include "audit/privacy_keys.hpp"
#include "audit/verify_report.hpp"
#include "db/connection.hpp"

#include <boost/asio/awaitable.hpp>

#include <string>
#include <vector>

namespace subcults::api {

struct PersonEntries {
    struct Places {
        std::vector<Uuid> entities;
        std::vector<std::int64_t> seqs;
    };
    Places as_actor;
    Places as_target;
    EmptiedEntries counts() const noexcept {
        EmptiedEntries counts;
        counts.actors = static_cast<std::int64_t>(as_actor.seqs.size());
        counts.targets = static_cast<std::int64_t>(as_target.seqs.size());
        return counts;
    }
};

// Begins a transaction and finds the person's entries, under every key of the ring. Reads the whole
// table once; what the person does afterwards is written as ever. Until the transaction has ended
// other erasures wait. The connection must have erasure_statements() prepared.
boost::asio::awaitable<db::DbResult<PersonEntries>> find_person(db::Connection& connection,
                                                                PrivacyKeys& keys, std::string did,
                                                                SteadyClock::duration limit);
// Empties them and commits. After an error of either the connection is closed.
boost::asio::awaitable<db::DbResult<void>> erase_entries(db::Connection& connection,
                                                         const PersonEntries& entries,
                                                         SteadyClock::duration limit);

std::vector<db::Statement> erasure_statements();

}  // namespace subcults::api
