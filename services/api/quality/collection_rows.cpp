#include "quality/collection_rows.hpp"

#include "db/columns.hpp"

namespace subcults::api::quality {

namespace {

// Reports are committed some time after they were stamped; what has been looked at is known apart
// from that, so reading some of it twice does no harm.
constexpr std::int64_t overlap_us = 60'000'000;
constexpr std::int64_t look_back_us = oldest_window_us + overlap_us;

constexpr db::Statement take_turn{
    "quality_take_turn",
    "INSERT INTO stream_quality_collections AS c (stream_session_id, collections, collected_at)"
    " VALUES ($1::uuid, 1, '-infinity')"
    " ON CONFLICT (stream_session_id) DO UPDATE SET collections = c.collections + 1"};
constexpr db::Statement session_state{
    "quality_session_state",
    "SELECT ended_at IS NOT NULL FROM stream_sessions WHERE id = $1::uuid"};
// Bounded on both sides in both times: measured_at chooses the partitions, received_at the index.
// Only that index has this order; without it, a plan from when the partitions were empty takes the
// primary key, and reads whatever the session has reported for an hour.
constexpr db::Statement new_windows{
    "quality_new_windows",
    "SELECT r.participant_id, r.seq, r.measured_at, r.window_ms, r.uplink, r.muted, r.late,"
    " r.bitrate_kbps, r.jitter_ms, r.packet_loss_percent, r.audio_level, r.rtt_ms"
    " FROM stream_quality_reports r WHERE r.stream_session_id = $1::uuid"
    " AND r.received_at > greatest($2::timestamptz,"
    "  (SELECT c.collected_at - interval '60 s' FROM stream_quality_collections c"
    "   WHERE c.stream_session_id = $1::uuid)) AND r.received_at < $3::timestamptz"
    " AND r.measured_at > $2::timestamptz AND r.measured_at < $3::timestamptz"
    " ORDER BY r.received_at"};
constexpr db::Statement known_progress{
    "quality_progress",
    "SELECT participant_id, uplink, seen_at, streak, degraded FROM stream_quality_progress"
    " WHERE stream_session_id = $1::uuid AND participant_id = ANY($2::text[])"};

constexpr db::Statement insert_metrics{
    "quality_insert_metrics",
    "INSERT INTO stream_quality_metrics (id, stream_session_id, participant_id, bitrate_kbps,"
    " jitter_ms, packet_loss_percent, audio_level, rtt_ms, measured_at, mos, uplink, muted, late,"
    " window_ms, collected_at)"
    " SELECT u.id, $1::uuid, u.participant, u.bitrate, u.jitter, u.loss, u.level, u.rtt,"
    "  u.measured_at, u.mos, u.uplink, u.muted, u.late, u.window_ms, $2::timestamptz"
    " FROM unnest($3::uuid[], $4::text[], $5::float8[], $6::float8[], $7::float8[], $8::float8[],"
    "  $9::float8[], $10::timestamptz[], $11::float8[], $12::boolean[], $13::boolean[],"
    "  $14::boolean[], $15::bigint[]) AS u(id, participant, bitrate, jitter, loss, level, rtt,"
    "  measured_at, mos, uplink, muted, late, window_ms)"};
constexpr db::Statement upsert_progress{
    "quality_upsert_progress",
    "INSERT INTO stream_quality_progress (stream_session_id, participant_id, uplink, seen_at,"
    " streak, degraded)"
    " SELECT $1::uuid, u.participant, u.uplink, u.seen_at, u.streak, u.degraded"
    " FROM unnest($2::text[], $3::boolean[], $4::timestamptz[], $5::bigint[], $6::boolean[])"
    "  AS u(participant, uplink, seen_at, streak, degraded)"
    " ON CONFLICT (stream_session_id, participant_id, uplink) DO UPDATE SET"
    " seen_at = EXCLUDED.seen_at, streak = EXCLUDED.streak, degraded = EXCLUDED.degraded"};
constexpr db::Statement end_turn{
    "quality_end_turn",
    "UPDATE stream_quality_collections SET collected_at = $2::timestamptz"
    " WHERE stream_session_id = $1::uuid"};

std::optional<double> number(const db::Rows& rows, int row, int column) {
    if (rows.is_null(row, column)) return std::nullopt;
    return rows.float8(row, column);
}

Window read_window(const db::Rows& rows, int row) {
    Window window;
    window.seq = rows.int8(row, 1);
    window.measured_at = rows.timestamptz(row, 2);
    window.window_ms = rows.int8(row, 3);
    window.uplink = rows.boolean(row, 4);
    window.muted = rows.boolean(row, 5);
    window.late = rows.boolean(row, 6);
    window.values.bitrate_kbps = number(rows, row, 7);
    window.values.jitter_ms = number(rows, row, 8);
    window.values.packet_loss_percent = number(rows, row, 9);
    window.values.audio_level = number(rows, row, 10);
    window.values.rtt_ms = number(rows, row, 11);
    return window;
}

db::Params metric_params(const Uuid& session, const std::vector<Measurement>& items,
                         UnixMicros now) {
    using db::column;
    using Value = std::optional<double>;
    using Item = const Measurement&;
    const auto values = [&items](Value Values::*member) {
        return column<Value>(items, [member](Item m) { return m.window.values.*member; });
    };
    const db::BooleanColumn uplink(items, [](Item m) { return m.window.uplink; });
    const db::BooleanColumn muted(items, [](Item m) { return m.window.muted; });
    const db::BooleanColumn late(items, [](Item m) { return m.window.late; });
    db::Params params;
    params.uuid(session)
        .timestamptz(now)
        .uuid_array(column<Uuid>(items, [](Item) { return uuid_v7(); }))
        .text_array(column<std::string_view>(
            items, [](Item m) { return std::string_view(m.participant_id); }))
        .float8_array(values(&Values::bitrate_kbps))
        .float8_array(values(&Values::jitter_ms))
        .float8_array(values(&Values::packet_loss_percent))
        .float8_array(values(&Values::audio_level))
        .float8_array(values(&Values::rtt_ms))
        .timestamptz_array(column<UnixMicros>(items, [](Item m) { return m.window.measured_at; }))
        .float8_array(column<Value>(items, [](Item m) { return m.mos; }))
        .boolean_array(uplink.span())
        .boolean_array(muted.span())
        .boolean_array(late.span())
        .int8_array(column<std::int64_t>(items, [](Item m) { return m.window.window_ms; }));
    return params;
}

db::Params progress_params(const Uuid& session, const ProgressMap& progress) {
    using db::column;
    using Item = const ProgressMap::value_type&;
    const db::BooleanColumn uplink(progress, [](Item p) { return p.first.second; });
    const db::BooleanColumn degraded(progress, [](Item p) { return p.second.degraded; });
    db::Params params;
    params.uuid(session)
        .text_array(column<std::string_view>(
            progress, [](Item p) { return std::string_view(p.first.first); }))
        .boolean_array(uplink.span())
        .timestamptz_array(column<UnixMicros>(progress, [](Item p) { return p.second.seen_at; }))
        .int8_array(column<std::int64_t>(progress, [](Item p) { return p.second.streak; }))
        .boolean_array(degraded.span());
    return params;
}

}  // namespace

db::Pipeline read_pipeline(const Uuid& session, const std::vector<RosterEntry>& roster,
                           UnixMicros now) {
    const auto ids = db::column<std::string_view>(
        roster, [](const RosterEntry& entry) { return std::string_view(entry.participant_id); });
    db::Params turn;
    turn.uuid(session);
    db::Params state;
    state.uuid(session);
    db::Params windows;
    windows.uuid(session)
        .timestamptz(UnixMicros{now.value - look_back_us})
        .timestamptz(UnixMicros{now.value + 2 * late_after_us});
    db::Params progress;
    progress.uuid(session).text_array(ids);
    db::Pipeline pipeline;
    pipeline.command("BEGIN");
    pipeline.add(take_turn, std::move(turn));
    pipeline.add(session_state, std::move(state));
    pipeline.add(new_windows, std::move(windows));
    pipeline.add(known_progress, std::move(progress));
    return pipeline;
}

News read_news(const std::vector<db::Rows>& rows) {
    News news;
    const db::Rows& state = rows[2];
    news.known = !state.empty();
    if (!news.known) return news;
    news.ended = state.boolean(0, 0);
    const db::Rows& windows = rows[3];
    for (int row = 0; row < windows.size(); ++row)
        news.windows[std::string(windows.text(row, 0))].push_back(read_window(windows, row));
    const db::Rows& progress = rows[4];
    for (int row = 0; row < progress.size(); ++row) {
        Progress known;
        known.seen_at = progress.timestamptz(row, 2);
        known.streak = progress.int8(row, 3);
        known.degraded = progress.boolean(row, 4);
        ProgressKey key(progress.text(row, 0), progress.boolean(row, 1));
        news.progress.insert_or_assign(std::move(key), known);
    }
    return news;
}

db::Pipeline write_pipeline(const Uuid& session, const Collected& collected, UnixMicros now) {
    db::Pipeline pipeline;
    if (!collected.measurements.empty()) {
        pipeline.add(insert_metrics, metric_params(session, collected.measurements, now));
    }
    if (!collected.progress.empty()) {
        pipeline.add(upsert_progress, progress_params(session, collected.progress));
    }
    db::Params end;
    end.uuid(session).timestamptz(now);
    pipeline.add(end_turn, std::move(end));
    pipeline.command("COMMIT");
    return pipeline;
}

std::vector<db::Statement> collection_row_statements() {
    return {take_turn,      session_state,   new_windows, known_progress,
            insert_metrics, upsert_progress, end_turn};
}

}  // namespace subcults::api::quality
