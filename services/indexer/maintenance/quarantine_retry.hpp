// Processes frames out of quarantine again, as if they came from the stream now: same decoder, same
// fold, same guards. What something newer has overtaken changes nothing and leaves quarantine.
//
// Safe while indexers run. Each frame has a transaction of its own, which first locks the rows of
// all shards: no batch is under way meanwhile, so that, say, the deletion of an account comes
// either wholly before (then the frame is gone) or wholly after (then it takes the rows along).
// Costs running indexers a pause of a few milliseconds per frame.
#pragma once

#include "db/connection.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace subcults::indexer {

struct RetrySelection {
    std::string reason;       // empty = any
    std::string fingerprint;  // beginning of it, hexadecimal; empty = any
    std::int64_t limit = 10'000;
};

std::vector<db::Statement> quarantine_retry_statements();

// Prints what has become of them; returns the exit status (0 also when some were refused again).
boost::asio::awaitable<int> print_retry(db::Connection& connection, std::string consumer,
                                        RetrySelection selection, bool json);

}  // namespace subcults::indexer
