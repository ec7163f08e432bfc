#include "streams/stream_queries.hpp"

#include "analytics/stream_analytics.hpp"
#include "base/crypto.hpp"
#include "streams/participant_queries.hpp"

#include <algorithm>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

#define SUBCULTS_VIEW_COLUMNS                                                          \
    "id, room_name, scene_id, event_id, started_at, ended_at, is_locked, join_count, " \
    "leave_count, active_count"
#define SUBCULTS_PAGE(condition)                                             \
    "SELECT " SUBCULTS_VIEW_COLUMNS " FROM stream_sessions WHERE " condition \
    " AND (started_at, id) < ($1::timestamptz, $2::uuid)"                    \
    " ORDER BY started_at DESC, id DESC LIMIT $3::bigint"

constexpr db::Statement get_stream{
    "stream_get", "SELECT " SUBCULTS_VIEW_COLUMNS " FROM stream_sessions WHERE id = $1::uuid"};
constexpr db::Statement get_stream_for{
    "stream_get_for", "SELECT " SUBCULTS_VIEW_COLUMNS
                      ", host_did = $2::text FROM stream_sessions WHERE id = $1::uuid"};
constexpr db::Statement list_active{"stream_list_active", SUBCULTS_PAGE("ended_at IS NULL")};
constexpr db::Statement list_ended{"stream_list_ended", SUBCULTS_PAGE("ended_at IS NOT NULL")};
// Both halves come from their own partial index.
constexpr db::Statement every_stream{
    "stream_list_all",
    "(" SUBCULTS_PAGE("ended_at IS NULL") ") UNION ALL (" SUBCULTS_PAGE(
        "ended_at IS NOT NULL") ") ORDER BY started_at DESC, id DESC LIMIT $3::bigint"};

#undef SUBCULTS_PAGE
#undef SUBCULTS_VIEW_COLUMNS

StreamView read_view(const db::Rows& rows, int row) {
    StreamView view;
    view.id = rows.uuid(row, 0);
    view.room_name = rows.text(row, 1);
    const bool is_scene = !rows.is_null(row, 2);
    view.subject.kind = is_scene ? Subject::Kind::scene : Subject::Kind::event;
    view.subject.id = rows.uuid(row, is_scene ? 2 : 3);
    view.started_at = rows.timestamptz(row, 4);
    if (!rows.is_null(row, 5)) view.ended_at = rows.timestamptz(row, 5);
    view.is_locked = rows.boolean(row, 6);
    view.join_count = rows.int8(row, 7);
    view.leave_count = rows.int8(row, 8);
    view.active_count = rows.int8(row, 9);
    return view;
}

const db::Statement& statement_for(StreamFilter filter) {
    switch (filter) {
        case StreamFilter::active:
            return list_active;
        case StreamFilter::ended:
            return list_ended;
        case StreamFilter::all:
            break;
    }
    return every_stream;
}

// Before every session: a time after all of them (year 9999).
StreamPosition beginning() {
    StreamPosition position;
    position.started_at = UnixMicros{253'402'300'799'000'000};
    return position;
}

}  // namespace

std::string StreamPosition::encode() const {
    std::string bytes;
    for (int shift = 56; shift >= 0; shift -= 8) {
        bytes.push_back(static_cast<char>((started_at.value >> shift) & 0xff));
    }
    bytes.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
    return base64url(bytes);
}

std::optional<StreamPosition> StreamPosition::decode(std::string_view text) {
    constexpr std::size_t encoded_length = 32;  // 24 bytes
    if (text.size() != encoded_length) return std::nullopt;
    const auto bytes = from_base64url(text);
    if (!bytes || bytes->size() != 24) return std::nullopt;
    StreamPosition position;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        value = (value << 8) | static_cast<unsigned char>((*bytes)[i]);
    }
    // Beyond year 9999 there is nothing that we have made.
    if (value > static_cast<std::uint64_t>(beginning().started_at.value)) return std::nullopt;
    position.started_at = UnixMicros{static_cast<std::int64_t>(value)};
    std::transform(bytes->begin() + 8, bytes->end(), position.id.bytes.begin(),
                   [](char c) { return static_cast<std::uint8_t>(c); });
    return position;
}

asio::awaitable<db::DbResult<std::optional<StreamView>>> find_stream(db::Pool& pool, Uuid id,
                                                                     Deadline deadline) {
    db::Params params;
    params.uuid(id);
    auto rows = co_await pool.read(get_stream, std::move(params), deadline);
    if (!rows) co_return rows.error();
    std::optional<StreamView> found;
    if (!rows->empty()) found = read_view(*rows, 0);
    co_return found;
}

asio::awaitable<db::DbResult<std::optional<StreamAccess>>> find_stream_for(db::Pool& pool, Uuid id,
                                                                           std::string caller_did,
                                                                           Deadline deadline) {
    db::Params params;
    params.uuid(id).text(caller_did);
    auto rows = co_await pool.read(get_stream_for, std::move(params), deadline);
    if (!rows) co_return rows.error();
    std::optional<StreamAccess> found;
    if (!rows->empty()) {
        found.emplace();
        found->stream = read_view(*rows, 0);
        found->is_host = rows->boolean(0, 10);
    }
    co_return found;
}

asio::awaitable<db::DbResult<StreamPage>> list_streams(db::Pool& pool, StreamFilter filter,
                                                       int limit,
                                                       std::optional<StreamPosition> after,
                                                       Deadline deadline) {
    const StreamPosition from = after.value_or(beginning());
    db::Params params;
    params.timestamptz(from.started_at).uuid(from.id).int8(limit + 1);  // one more tells of more
    db::Statement statement = statement_for(filter);
    auto rows = co_await pool.read(statement, std::move(params), deadline);
    if (!rows) co_return rows.error();
    StreamPage page;
    const int shown = std::min(rows->size(), limit);
    for (int row = 0; row < shown; ++row)
        page.streams.push_back(read_view(*rows, row));
    if (rows->size() > limit) {
        StreamPosition next;
        next.started_at = page.streams.back().started_at;
        next.id = page.streams.back().id;
        page.next = next;
    }
    co_return page;
}

std::vector<db::Statement> stream_query_statements() {
    std::vector<db::Statement> statements{get_stream, get_stream_for, list_active, list_ended,
                                          every_stream};
    for (const auto& more : {participant_query_statements(), analytics_statements()})
        statements.insert(statements.end(), more.begin(), more.end());
    return statements;
}

}  // namespace subcults::api
