#include "quality/quality_queries.hpp"

namespace subcults::api::quality {

namespace asio = boost::asio;

namespace {

// Without a name for the session's key nobody is a participant; its host is its host still.
constexpr db::Statement standing{
    "quality_standing",
    "SELECT s.host_did = $2::text, s.ended_at IS NOT NULL, k.participant, p.known IS TRUE"
    " FROM stream_sessions s"
    " LEFT JOIN unnest($3::bigint[], $4::text[]) AS k(kid, participant) ON k.kid = s.kid"
    " LEFT JOIN LATERAL (SELECT true AS known FROM stream_participants p"
    "  WHERE p.stream_session_id = s.id AND p.participant_id = k.participant LIMIT 1) p ON true"
    " WHERE s.id = $1::uuid"};

#define SUBCULTS_METRICS(condition)                                            \
    "SELECT id, participant_id, bitrate_kbps, jitter_ms, packet_loss_percent," \
    " audio_level, rtt_ms, mos, measured_at FROM stream_quality_metrics"       \
    " WHERE stream_session_id = $1::uuid" condition                            \
    " ORDER BY measured_at DESC, id DESC"                                      \
    " LIMIT $2::bigint"

constexpr db::Statement recent_of_all{"quality_recent", SUBCULTS_METRICS("")};
constexpr db::Statement recent_of_one{"quality_recent_of_one",
                                      SUBCULTS_METRICS(" AND participant_id = $3::text")};

#undef SUBCULTS_METRICS

// The limit is written out: only so does the planner see that the partial index has these rows.
constexpr db::Statement high_loss_of_all{
    "quality_high_loss",
    "SELECT DISTINCT participant_id FROM stream_quality_metrics"
    " WHERE stream_session_id = $1::uuid AND measured_at >= $2::timestamptz"
    " AND packet_loss_percent > 5 ORDER BY participant_id"};
constexpr db::Statement high_loss_of_one{
    "quality_high_loss_of_one",
    "SELECT participant_id FROM stream_quality_metrics"
    " WHERE stream_session_id = $1::uuid AND measured_at >= $2::timestamptz"
    " AND packet_loss_percent > 5 AND participant_id = $3::text LIMIT 1"};

std::optional<double> number_at(const db::Rows& rows, int row, int column) {
    if (rows.is_null(row, column)) return std::nullopt;
    return rows.float8(row, column);
}

}  // namespace

CallerNames caller_names(PrivacyKeys& keys, const Uuid& session, std::string_view did) {
    CallerNames names;
    names.kids = keys.kids();
    for (const std::int64_t kid : names.kids)
        names.participant_ids.push_back(keys.participant_id(kid, session, did));
    return names;
}

asio::awaitable<db::DbResult<std::optional<Standing>>> find_standing(db::Pool& pool, Uuid session,
                                                                     std::string did,
                                                                     CallerNames names,
                                                                     Deadline deadline) {
    const std::vector<std::string_view> ids(names.participant_ids.begin(),
                                            names.participant_ids.end());
    db::Params params;
    params.uuid(session).text(did).int8_array(names.kids).text_array(ids);
    auto rows = co_await pool.read(standing, std::move(params), deadline);
    if (!rows) co_return rows.error();
    std::optional<Standing> found;
    if (!rows->empty()) {
        found.emplace();
        found->is_host = rows->boolean(0, 0);
        found->ended = rows->boolean(0, 1);
        if (!rows->is_null(0, 2)) found->participant_id = rows->text(0, 2);
        found->is_participant = rows->boolean(0, 3);
    }
    co_return found;
}

asio::awaitable<db::DbResult<std::vector<MetricView>>> recent_metrics(
    db::Pool& pool, Uuid session, std::optional<std::string> participant, int limit,
    Deadline deadline) {
    db::Params params;
    params.uuid(session).int8(limit);
    if (participant) params.text(*participant);
    db::Statement statement = participant ? recent_of_one : recent_of_all;
    auto rows = co_await pool.read(statement, std::move(params), deadline);
    if (!rows) co_return rows.error();
    std::vector<MetricView> found;
    found.reserve(static_cast<std::size_t>(rows->size()));
    for (int row = 0; row < rows->size(); ++row) {
        MetricView view;
        view.id = rows->uuid(row, 0);
        view.participant_id = rows->text(row, 1);
        view.values.bitrate_kbps = number_at(*rows, row, 2);
        view.values.jitter_ms = number_at(*rows, row, 3);
        view.values.packet_loss_percent = number_at(*rows, row, 4);
        view.values.audio_level = number_at(*rows, row, 5);
        view.values.rtt_ms = number_at(*rows, row, 6);
        view.mos = number_at(*rows, row, 7);
        view.measured_at = rows->timestamptz(row, 8);
        found.push_back(std::move(view));
    }
    co_return found;
}

asio::awaitable<db::DbResult<std::vector<std::string>>> high_loss_participants(
    db::Pool& pool, Uuid session, std::optional<std::string> participant, UnixMicros since,
    Deadline deadline) {
    db::Params params;
    params.uuid(session).timestamptz(since);
    if (participant) params.text(*participant);
    db::Statement statement = participant ? high_loss_of_one : high_loss_of_all;
    auto rows = co_await pool.read(statement, std::move(params), deadline);
    if (!rows) co_return rows.error();
    std::vector<std::string> found;
    for (int row = 0; row < rows->size(); ++row)
        found.emplace_back(rows->text(row, 0));
    co_return found;
}

std::vector<db::Statement> quality_query_statements() {
    return {standing, recent_of_all, recent_of_one, high_loss_of_all, high_loss_of_one};
}

}  // namespace subcults::api::quality
