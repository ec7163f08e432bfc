#include "quality/report_rows.hpp"

#include "db/columns.hpp"

#include <algorithm>
#include <tuple>

namespace subcults::api::quality {
namespace {

// How far back a seq is remembered whatever time it comes with; the very same window, for as long
// as reports are kept.
constexpr std::int64_t seq_memory_us = 3'600'000'000;

// One row per caller and key; only the session's own key gives an answer. A token that is newer
// than the leave announces somebody: clients report before anybody has told of their new join.
constexpr db::Statement callers{
    "quality_callers",
    "SELECT k.n, k.participant, s.ended, s.host_did = k.did, p.known IS TRUE, p.left_at,"
    " b.banned IS TRUE"
    " FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::bigint[], $5::text[])"
    "  AS k(n, session, did, kid, participant)"
    " CROSS JOIN LATERAL (SELECT s.ended_at IS NOT NULL AS ended, s.host_did"
    "  FROM stream_sessions s WHERE s.id = k.session AND s.kid = k.kid LIMIT 1) s"
    " LEFT JOIN LATERAL (SELECT true AS known,"
    "  CASE WHEN p.token_issued_at > p.left_at THEN NULL ELSE p.left_at END AS left_at"
    "  FROM stream_participants p"
    "  WHERE p.stream_session_id = k.session AND p.participant_id = k.participant LIMIT 1) p"
    "  ON true"
    " LEFT JOIN LATERAL (SELECT true AS banned FROM stream_bans b"
    "  WHERE b.stream_session_id = k.session AND b.participant_id = k.participant LIMIT 1) b"
    "  ON true"};

// Only the key has the order of the look-up. Without it, a plan from when the partitions were empty
// (analysed or vacuumed so) finds the index on received_at as cheap as the key, by the session
// alone: then every window reads whatever its session has reported within the hour.
constexpr db::Statement insert_reports{
    "quality_insert_reports",
    "INSERT INTO stream_quality_reports (stream_session_id, participant_id, seq, measured_at,"
    " received_at, window_ms, uplink, muted, late, bitrate_kbps, jitter_ms, packet_loss_percent,"
    " audio_level, rtt_ms)"
    " SELECT u.session, u.participant, u.seq, u.measured_at, $1::timestamptz, u.window_ms,"
    "  u.uplink, u.muted, u.late, u.bitrate, u.jitter, u.loss, u.level, u.rtt"
    " FROM unnest($3::uuid[], $4::text[], $5::bigint[], $6::timestamptz[], $7::bigint[],"
    "  $8::boolean[], $9::boolean[], $10::boolean[], $11::float8[], $12::float8[], $13::float8[],"
    "  $14::float8[], $15::float8[]) AS u(session, participant, seq, measured_at, window_ms,"
    "  uplink, muted, late, bitrate, jitter, loss, level, rtt)"
    " LEFT JOIN LATERAL (SELECT true AS known FROM stream_quality_reports r"
    "  WHERE r.stream_session_id = u.session AND r.participant_id = u.participant"
    "   AND r.seq = u.seq AND r.measured_at > $2::timestamptz"
    "   AND r.measured_at < $1::timestamptz + interval '2 minutes'"
    "  ORDER BY r.measured_at LIMIT 1) r ON true"
    " WHERE r.known IS NULL"
    " ON CONFLICT DO NOTHING RETURNING stream_session_id, participant_id, seq"};

}  // namespace

const db::Statement& ReportBatch::callers_statement() noexcept {
    return callers;
}

const db::Statement& ReportBatch::insert_statement() noexcept {
    return insert_reports;
}

ReportBatch::ReportBatch(std::vector<const ReportRequest*> requests)
    : requests_(std::move(requests)), outcomes_(requests_.size()), participants_(requests_.size()) {
    for (std::size_t i = 0; i < requests_.size(); ++i) {
        outcomes_[i].status = ReportOutcome::Status::not_found;
        outcomes_[i].fates.assign(requests_[i]->windows.size(), WindowFate::not_present);
    }
}

db::Params ReportBatch::callers_params() const {
    std::vector<std::int64_t> numbers;
    std::vector<Uuid> sessions;
    std::vector<std::string_view> dids;
    std::vector<std::int64_t> kids;
    std::vector<std::string_view> participants;
    for (std::size_t i = 0; i < requests_.size(); ++i) {
        const ReportRequest& request = *requests_[i];
        for (std::size_t k = 0; k < request.names.kids.size(); ++k) {
            numbers.push_back(static_cast<std::int64_t>(i));
            sessions.push_back(request.session);
            dids.emplace_back(request.caller_did);
            kids.push_back(request.names.kids[k]);
            participants.emplace_back(request.names.participant_ids[k]);
        }
    }
    db::Params params;
    params.int8_array(numbers).uuid_array(sessions).text_array(dids).int8_array(kids).text_array(
        participants);
    return params;
}

bool ReportBatch::before(const Row& a, const Row& b) noexcept {
    return std::tie(*a.session, *a.participant, a.measured->seq) <
           std::tie(*b.session, *b.participant, b.measured->seq);
}

void ReportBatch::admit(const db::Rows& found) {
    using Status = ReportOutcome::Status;
    rows_.clear();
    for (std::size_t i = 0; i < requests_.size(); ++i) {
        outcomes_[i].status = Status::not_found;
        outcomes_[i].fates.assign(requests_[i]->windows.size(), WindowFate::not_present);
    }
    for (int row = 0; row < found.size(); ++row) {
        const auto i = static_cast<std::size_t>(found.int8(row, 0));
        const ReportRequest& request = *requests_[i];
        ReportOutcome& outcome = outcomes_[i];
        const bool host = found.boolean(row, 3);
        const bool known = found.boolean(row, 4);
        const bool banned = found.boolean(row, 6);
        if (found.boolean(row, 2)) {
            outcome.status = Status::ended;
            continue;
        }
        if (banned || (!host && !known)) {
            outcome.status = banned ? Status::kicked : Status::forbidden;
            continue;
        }
        outcome.status = Status::stored;
        participants_[i] = found.text(row, 1);
        // Who has left may still deliver what was measured before, as after a lost connection.
        std::optional<UnixMicros> left_at;
        if (!host && !found.is_null(row, 5)) left_at = found.timestamptz(row, 5);
        bool any = request.windows.empty();
        for (std::size_t w = 0; w < request.windows.size(); ++w) {
            const Window& window = request.windows[w];
            if (left_at && window.measured_at > *left_at) continue;
            any = true;
            outcome.fates[w] = WindowFate::duplicate;  // until it is known to be new
            Row added;
            added.request = i;
            added.window = w;
            added.session = &request.session;
            added.participant = &participants_[i];
            added.measured = &window;
            rows_.push_back(added);
        }
        if (!any) outcome.status = Status::forbidden;
    }
    std::stable_sort(rows_.begin(), rows_.end(), before);
    const auto same = [](const Row& a, const Row& b) { return !before(a, b) && !before(b, a); };
    rows_.erase(std::unique(rows_.begin(), rows_.end(), same), rows_.end());
}

db::Params ReportBatch::insert_params(UnixMicros received_at) const {
    using db::column;
    using Value = std::optional<double>;
    const auto values = [this](Value Values::*member) {
        return column<Value>(rows_, [member](const Row& r) { return r.measured->values.*member; });
    };
    const db::BooleanColumn uplink(rows_, [](const Row& r) { return r.measured->uplink; });
    const db::BooleanColumn muted(rows_, [](const Row& r) { return r.measured->muted; });
    const db::BooleanColumn late(rows_, [](const Row& r) { return r.measured->late; });
    db::Params params;
    params.timestamptz(received_at)
        .timestamptz(UnixMicros{received_at.value - seq_memory_us})
        .uuid_array(column<Uuid>(rows_, [](const Row& r) { return *r.session; }))
        .text_array(column<std::string_view>(
            rows_, [](const Row& r) { return std::string_view(*r.participant); }))
        .int8_array(column<std::int64_t>(rows_, [](const Row& r) { return r.measured->seq; }))
        .timestamptz_array(
            column<UnixMicros>(rows_, [](const Row& r) { return r.measured->measured_at; }))
        .int8_array(column<std::int64_t>(rows_, [](const Row& r) { return r.measured->window_ms; }))
        .boolean_array(uplink.span())
        .boolean_array(muted.span())
        .boolean_array(late.span())
        .float8_array(values(&Values::bitrate_kbps))
        .float8_array(values(&Values::jitter_ms))
        .float8_array(values(&Values::packet_loss_percent))
        .float8_array(values(&Values::audio_level))
        .float8_array(values(&Values::rtt_ms));
    return params;
}

void ReportBatch::note_written(const db::Rows& written) {
    if (static_cast<std::size_t>(written.size()) == rows_.size()) {
        for (const Row& row : rows_)
            fate(row) = WindowFate::accepted;
        return;
    }
    for (int i = 0; i < written.size(); ++i) {
        const Uuid session = written.uuid(i, 0);
        const std::string participant(written.text(i, 1));
        Window measured;
        measured.seq = written.int8(i, 2);
        Row key;
        key.session = &session;
        key.participant = &participant;
        key.measured = &measured;
        const auto found = std::lower_bound(rows_.begin(), rows_.end(), key, before);
        if (found != rows_.end() && !before(key, *found)) fate(*found) = WindowFate::accepted;
    }
}

}  // namespace subcults::api::quality
