// Runs one operator command against the database: configuration, connection, exit status.
#pragma once

#include "base/config.hpp"
#include "config.hpp"
#include "db/connection.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <vector>

namespace subcults::indexer {

// The variables that such commands read.
ConfigTable one_shot_table(IndexerConfig& config);

// Blocks until `command` has ended and returns the exit status. `command` must not outlive the
// call; what it prints goes to stdout, faults to stderr.
int run_one_shot(std::vector<db::Statement> statements,
                 const std::function<boost::asio::awaitable<int>(db::Connection&)>& command);

}  // namespace subcults::indexer
