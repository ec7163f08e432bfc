// Changes into how many shards the accounts are divided, while no indexer runs.
//
// Every new shard starts where the slowest old one stood, so that nothing is missed; what the
// faster ones had written already is read again and changes nothing. Sequence numbers are
// forgotten, because they cannot be compared across servers: reading resumes by time.
//
// Refuses while any shard has shown a sign of life in the last ten seconds.
#pragma once

#include "base/result.hpp"
#include "db/connection.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace subcults::indexer {

struct ResharedLayout {
    std::int32_t before = 0;  // 0 = no indexer has ever run
    std::int32_t after = 0;
    std::int64_t cursors = 0;  // rows written
};

// The statements that a connection for this needs.
std::vector<db::Statement> reshard_statements();

// One transaction; an error says what an operator can do about it.
boost::asio::awaitable<Result<ResharedLayout, std::string>> reshard(db::Connection& connection,
                                                                    std::string consumer,
                                                                    std::int32_t shards);

}  // namespace subcults::indexer
