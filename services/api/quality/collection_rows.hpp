// A collection's statements: reading what is new in a session, and writing what became of it.
#pragma once

#include "db/connection.hpp"
#include "quality/collection.hpp"

#include <string>
#include <vector>

namespace subcults::api::quality {

// What read_pipeline brings.
struct News {
    bool known = false;  // the session is there
    bool ended = false;
    std::map<std::string, std::vector<Window>> windows;
    ProgressMap progress;
};

// Begins the transaction, takes the session's turn and reads, each in a statement of its own: only
// so does it see what the one before it in the lock has committed.
db::Pipeline read_pipeline(const Uuid& session, const std::vector<RosterEntry>& roster,
                           UnixMicros now);
News read_news(const std::vector<db::Rows>& rows);

// Writes and commits.
db::Pipeline write_pipeline(const Uuid& session, const Collected& collected, UnixMicros now);

std::vector<db::Statement> collection_row_statements();

}  // namespace subcults::api::quality
