// Reading sessions: one, or a page of them, newest first.
#pragma once

#include "db/pool.hpp"
#include "streams/command.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>
#include <vector>

namespace subcults::api {

struct StreamView {
    Uuid id;
    std::string room_name;
    Subject subject;
    UnixMicros started_at;
    std::optional<UnixMicros> ended_at;
    bool is_locked = false;
    std::int64_t join_count = 0;
    std::int64_t leave_count = 0;
    std::int64_t active_count = 0;
};

// The position of the last session of a page: what a cursor holds.
struct StreamPosition {
    UnixMicros started_at;
    Uuid id;
    std::string encode() const;  // opaque text, URL-safe
    static std::optional<StreamPosition> decode(std::string_view text);
};

enum class StreamFilter { all, active, ended };

struct StreamPage {
    std::vector<StreamView> streams;
    std::optional<StreamPosition> next;  // set when there are more
};

boost::asio::awaitable<db::DbResult<std::optional<StreamView>>> find_stream(db::Pool& pool, Uuid id,
                                                                            Deadline deadline);
// The same, and whether `caller_did` is its host.
struct StreamAccess {
    StreamView stream;
    bool is_host = false;
};
boost::asio::awaitable<db::DbResult<std::optional<StreamAccess>>> find_stream_for(
    db::Pool& pool, Uuid id, std::string caller_did, Deadline deadline);
// Keyset pagination on (started_at, id): the cost of a page does not grow with its distance.
boost::asio::awaitable<db::DbResult<StreamPage>> list_streams(db::Pool& pool, StreamFilter filter,
                                                              int limit,
                                                              std::optional<StreamPosition> after,
                                                              Deadline deadline);

// The statements a pool must have prepared for these, for participants and for analytics.
std::vector<db::Statement> stream_query_statements();

}  // namespace subcults::api
