// Erasing a person from the audit log: actor and target are emptied in every entry that is the
// person's, with their nonces, so that nobody can find out any more whose they were. The chains
// still verify: they cover commitments. Whoever erases writes an entry about it first, which names
// nobody (audit_commands.cpp does).
#pragma once

#include "audit/privacy_keys.hpp"
#include "db/connection.hpp"

#include <boost/asio/awaitable.hpp>

#include <string>
#include <vector>

namespace subcults::api {

struct ErasedEntries {
    std::int64_t as_actor = 0;
    std::int64_t as_target = 0;
};

// The connection must have erasure_statements() prepared. Looks under every key of the ring. Reads
// the whole table once; what the person does afterwards is written as ever.
boost::asio::awaitable<db::DbResult<ErasedEntries>> erase_person(db::Connection& connection,
                                                                 PrivacyKeys& keys, std::string did,
                                                                 SteadyClock::duration limit);

std::vector<db::Statement> erasure_statements();

}  // namespace subcults::api
