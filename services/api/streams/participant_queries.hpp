// Reading a session's participants, page by page.
#pragma once

#include "db/pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>
#include <vector>

namespace subcults::api {

struct ParticipantView {
    std::string id;
    std::optional<UnixMicros> first_joined_at;  // none: has a token, has not come
    std::optional<UnixMicros> joined_at;
    std::optional<UnixMicros> left_at;
    std::int64_t reconnections = 0;
    bool kicked = false;
};

enum class ParticipantFilter { all, present, left };

struct ParticipantPage {
    std::vector<ParticipantView> participants;
    std::optional<std::string> next;  // the id to go on after, when there are more
};

// In the order of their ids, which says nothing about them.
boost::asio::awaitable<db::DbResult<ParticipantPage>> list_participants(
    db::Pool& pool, Uuid session, ParticipantFilter filter, int limit, std::string after,
    Deadline deadline);

// The statements a pool must have prepared for these.
std::vector<db::Statement> participant_query_statements();

}  // namespace subcults::api
