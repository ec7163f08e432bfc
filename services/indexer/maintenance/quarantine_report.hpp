// What is in quarantine, for a person or a program to read.
#pragma once

#include "db/connection.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace subcults::indexer {

struct QuarantineQuery {
    std::string reason;  // empty = any
    std::int64_t limit = 50;
};

std::vector<db::Statement> quarantine_report_statements();

// Prints the frames seen last first, and how many there are in all; returns the exit status.
boost::asio::awaitable<int> print_quarantine(db::Connection& connection, QuarantineQuery query,
                                             bool json);

}  // namespace subcults::indexer
