// The same work without the ledger: a transaction per join, as a service would write it that leaves
// everything to the database, from 32 connections of pgbench.
//
// Blocks for the whole seconds that are asked for (at least one); errors are std::runtime_error
// with what pgbench said.
#pragma once

#include <string>

namespace subcults::bench {

enum class SingleWork {
    join,          // six statements: session, bans, participant, stay, audit entry, key
    join_at_once,  // the same in one statement
    token,         // four statements: session, bans, participant, audit entry
};

// Transactions per second, over the first `streams` of the sessions that the stage has for it.
double singly(const std::string& database_url, SingleWork work, std::size_t streams,
              double seconds);

}  // namespace subcults::bench
