#include "analytics/stream_analytics.hpp"

#include "base/json_writer.hpp"

namespace subcults::api {

namespace asio = boost::asio;

namespace {

// For the sessions of a relation `s` (id, started_at, until, join_count): who was there when, each
// participant's stays merged where they overlap; then the height of the pile of stays over time,
// and everybody's listening time.
#define SUBCULTS_ANALYTICS_OF_S                                                                   \
    " merged AS (SELECT s.id, p.participant_id, min(p.joined_at) AS came,"                        \
    "  range_agg(tstzrange(p.joined_at, greatest(p.joined_at,"                                    \
    "   least(coalesce(p.left_at, s.until), s.until)), '[)')) AS times"                           \
    "  FROM s JOIN stream_participations p ON p.stream_session_id = s.id"                         \
    "  WHERE p.joined_at <= s.until GROUP BY s.id, p.participant_id),"                            \
    " spans AS (SELECT m.id, m.participant_id, t.span FROM merged m, unnest(m.times) t(span)),"   \
    " steps AS (SELECT e.id, e.at, sum(e.step) AS step FROM"                                      \
    "  (SELECT id, lower(span) AS at, 1 AS step FROM spans"                                       \
    "   UNION ALL SELECT id, upper(span), -1 FROM spans) e GROUP BY e.id, e.at),"                 \
    " levels AS (SELECT id, sum(step) OVER (PARTITION BY id ORDER BY at) AS present FROM steps)," \
    " peaks AS (SELECT id, max(present) AS peak FROM levels GROUP BY id),"                        \
    " listened AS (SELECT m.id, m.participant_id, m.came,"                                        \
    "  coalesce(sum(extract(epoch FROM upper(x.span) - lower(x.span))), 0)::float8 AS seconds"    \
    "  FROM merged m LEFT JOIN spans x"                                                           \
    "   ON x.id = m.id AND x.participant_id = m.participant_id"                                   \
    "  GROUP BY m.id, m.participant_id, m.came),"                                                 \
    " people AS (SELECT id, count(*) AS everyone, min(came) AS first_came,"                       \
    "  avg(seconds) AS mean, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS median"      \
    "  FROM listened GROUP BY id),"                                                               \
    " result AS (SELECT s.id, coalesce(k.peak, 0)::bigint AS peak,"                               \
    "  coalesce(l.everyone, 0)::bigint AS everyone, s.join_count AS attempts,"                    \
    "  extract(epoch FROM s.until - s.started_at)::float8 AS duration,"                           \
    "  greatest(0, extract(epoch FROM l.first_came - s.started_at))::float8 AS lag, l.mean,"      \
    "  l.median, l.first_came"                                                                    \
    "  FROM s LEFT JOIN people l ON l.id = s.id LEFT JOIN peaks k ON k.id = s.id)"

// greatest() ignores NULL, so nobody's coming would have taken no time.
#define SUBCULTS_RESULT_COLUMNS                                                      \
    "r.peak, r.everyone, r.attempts, r.duration, CASE WHEN r.first_came IS NOT NULL" \
    " THEN r.lag END, r.mean, r.median"

#define SUBCULTS_STORE                                                                      \
    " INSERT INTO stream_analytics AS a (stream_session_id, peak_concurrent_listeners,"     \
    " total_unique_participants, total_join_attempts, stream_duration_seconds,"             \
    " engagement_lag_seconds, avg_listen_duration_seconds, median_listen_duration_seconds," \
    " computed_at)"                                                                         \
    " SELECT r.id, " SUBCULTS_RESULT_COLUMNS                                                \
    ", $1::timestamptz FROM result r"                                                       \
    " ON CONFLICT (stream_session_id) DO "

constexpr db::Statement compute{
    "analytics_compute",
    "WITH s AS (SELECT id, started_at, coalesce(ended_at, greatest(started_at, $1::timestamptz))"
    " AS until, join_count FROM stream_sessions WHERE id = $2::uuid)," SUBCULTS_ANALYTICS_OF_S
    " SELECT " SUBCULTS_RESULT_COLUMNS ", $1::timestamptz FROM result r"};

constexpr db::Statement stored{
    "analytics_get",
    "SELECT peak_concurrent_listeners, total_unique_participants, total_join_attempts,"
    " stream_duration_seconds, engagement_lag_seconds, avg_listen_duration_seconds,"
    " median_listen_duration_seconds, computed_at FROM stream_analytics"
    " WHERE stream_session_id = $1::uuid"};

std::optional<double> number_at(const db::Rows& rows, int column) {
    if (rows.is_null(0, column)) return std::nullopt;
    return rows.float8(0, column);
}

StreamAnalytics read(const db::Rows& rows, bool final) {
    StreamAnalytics analytics;
    analytics.final = final;
    analytics.peak_concurrent = rows.int8(0, 0);
    analytics.unique_participants = rows.int8(0, 1);
    analytics.join_attempts = rows.int8(0, 2);
    analytics.duration_seconds = rows.float8(0, 3);
    analytics.engagement_lag_seconds = number_at(rows, 4);
    analytics.mean_listen_seconds = number_at(rows, 5);
    analytics.median_listen_seconds = number_at(rows, 6);
    analytics.computed_at = rows.timestamptz(0, 7);
    return analytics;
}

}  // namespace

// The update changes nothing; it makes the row that was there first come back.
const db::Statement store_analytics{
    "analytics_store",
    "WITH s AS (SELECT id, started_at, ended_at AS until, join_count FROM stream_sessions"
    " WHERE id = $2::uuid AND ended_at IS NOT NULL)," SUBCULTS_ANALYTICS_OF_S SUBCULTS_STORE
    "UPDATE SET computed_at = a.computed_at RETURNING a.peak_concurrent_listeners,"
    " a.total_unique_participants, a.total_join_attempts, a.stream_duration_seconds,"
    " a.engagement_lag_seconds, a.avg_listen_duration_seconds,"
    " a.median_listen_duration_seconds, a.computed_at"};

#undef SUBCULTS_STORE
#undef SUBCULTS_RESULT_COLUMNS
#undef SUBCULTS_ANALYTICS_OF_S

asio::awaitable<db::DbResult<std::optional<StreamAnalytics>>> compute_analytics(db::Pool& pool,
                                                                                Uuid session,
                                                                                UnixMicros now,
                                                                                Deadline deadline) {
    db::Params params;
    params.timestamptz(now).uuid(session);
    auto rows = co_await pool.read(compute, std::move(params), deadline);
    if (!rows) co_return rows.error();
    std::optional<StreamAnalytics> found;
    if (!rows->empty()) found = read(*rows, false);
    co_return found;
}

asio::awaitable<db::DbResult<std::optional<StreamAnalytics>>> final_analytics(db::Pool& pool,
                                                                              Uuid session,
                                                                              UnixMicros now,
                                                                              Deadline deadline) {
    db::Params which;
    which.uuid(session);
    auto rows = co_await pool.read(stored, std::move(which), deadline);
    if (!rows) co_return rows.error();
    if (rows->empty()) {
        // Not a read, but one that may be repeated.
        db::Params params;
        params.timestamptz(now).uuid(session);
        rows = co_await pool.read(store_analytics, std::move(params), deadline);
        if (!rows) co_return rows.error();
    }
    std::optional<StreamAnalytics> found;
    if (!rows->empty()) found = read(*rows, true);
    co_return found;
}

std::vector<db::Statement> analytics_statements() {
    return {compute, stored, store_analytics};
}

std::string analytics_json(const Uuid& session, const StreamAnalytics& analytics) {
    JsonWriter json;
    json.begin_object()
        .field("stream_id", session.to_string())
        .field("final", analytics.final)
        .field("peak_concurrent_listeners", analytics.peak_concurrent)
        .field("total_unique_participants", analytics.unique_participants)
        .field("total_join_attempts", analytics.join_attempts)
        .field("stream_duration_seconds", analytics.duration_seconds)
        .field("engagement_lag_seconds", analytics.engagement_lag_seconds)
        .field("avg_listen_duration_seconds", analytics.mean_listen_seconds)
        .field("median_listen_duration_seconds", analytics.median_listen_seconds)
        .field("computed_at", format_rfc3339(analytics.computed_at))
        .end_object();
    return json.take();
}

}  // namespace subcults::api
