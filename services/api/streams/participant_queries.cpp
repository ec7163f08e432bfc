#include "streams/participant_queries.hpp"

#include <algorithm>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

#define SUBCULTS_PARTICIPANTS(condition)                                  \
    "SELECT p.participant_id, p.first_joined_at, p.joined_at, p.left_at," \
    " p.reconnection_count, EXISTS (SELECT 1 FROM stream_bans b"          \
    "  WHERE b.stream_session_id = p.stream_session_id"                   \
    "    AND b.participant_id = p.participant_id)"                        \
    " FROM stream_participants p WHERE p.stream_session_id = $1::uuid"    \
    " AND p.participant_id > $2::text" condition " ORDER BY p.participant_id LIMIT $3::bigint"

constexpr db::Statement list_all{"participants_all", SUBCULTS_PARTICIPANTS("")};
constexpr db::Statement list_present{
    "participants_present",
    SUBCULTS_PARTICIPANTS(" AND p.joined_at IS NOT NULL AND p.left_at IS NULL")};
constexpr db::Statement list_left{"participants_left",
                                  SUBCULTS_PARTICIPANTS(" AND p.left_at IS NOT NULL")};

#undef SUBCULTS_PARTICIPANTS

const db::Statement& statement_for(ParticipantFilter filter) {
    switch (filter) {
        case ParticipantFilter::present:
            return list_present;
        case ParticipantFilter::left:
            return list_left;
        case ParticipantFilter::all:
            break;
    }
    return list_all;
}

std::optional<UnixMicros> moment_at(const db::Rows& rows, int row, int column) {
    if (rows.is_null(row, column)) return std::nullopt;
    return rows.timestamptz(row, column);
}

}  // namespace

asio::awaitable<db::DbResult<ParticipantPage>> list_participants(db::Pool& pool, Uuid session,
                                                                 ParticipantFilter filter,
                                                                 int limit, std::string after,
                                                                 Deadline deadline) {
    db::Params params;
    params.uuid(session).text(after).int8(limit + 1);  // one more tells of more
    db::Statement statement = statement_for(filter);
    auto rows = co_await pool.read(statement, std::move(params), deadline);
    if (!rows) co_return rows.error();
    ParticipantPage page;
    const int shown = std::min(rows->size(), limit);
    for (int row = 0; row < shown; ++row) {
        ParticipantView participant;
        participant.id = rows->text(row, 0);
        participant.first_joined_at = moment_at(*rows, row, 1);
        participant.joined_at = moment_at(*rows, row, 2);
        participant.left_at = moment_at(*rows, row, 3);
        participant.reconnections = rows->int8(row, 4);
        participant.kicked = rows->boolean(row, 5);
        page.participants.push_back(std::move(participant));
    }
    if (rows->size() > limit) page.next = page.participants.back().id;
    co_return page;
}

std::vector<db::Statement> participant_query_statements() {
    return {list_all, list_present, list_left};
}

}  // namespace subcults::api
