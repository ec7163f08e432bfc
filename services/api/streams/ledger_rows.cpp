#include "streams/ledger_rows.hpp"

#include "audit/audit_rows.hpp"
#include "db/columns.hpp"
#include "streams/ledger_sql.hpp"

#include <algorithm>

namespace subcults::api {
namespace {

using db::column;

Tag128 tag_from(std::string_view bytes) {
    Tag128 tag{};
    std::copy_n(bytes.begin(), std::min(bytes.size(), tag.size()), tag.begin());
    return tag;
}

void add_session_updates(db::Pipeline& pipeline, const std::vector<const SessionRow*>& rows) {
    db::Params params;
    using Row = const SessionRow*;
    const db::BooleanColumn locked(rows, [](Row r) { return r->is_locked; });
    params.uuid_array(column<Uuid>(rows, [](Row r) { return r->id; }))
        .int8_array(column<std::int64_t>(rows, [](Row r) { return r->join_count; }))
        .int8_array(column<std::int64_t>(rows, [](Row r) { return r->leave_count; }))
        .int8_array(column<std::int64_t>(rows, [](Row r) { return r->active_count; }))
        .timestamptz_array(
            column<std::optional<UnixMicros>>(rows, [](Row r) { return r->ended_at; }))
        .boolean_array(locked.span())
        .int8_array(column<std::int64_t>(rows, [](Row r) { return r->head_seq; }))
        .bytea_array(
            column<std::string_view>(rows, [](Row r) { return std::string_view(r->head_hash); }))
        .timestamptz_array(column<UnixMicros>(rows, [](Row r) { return r->head_at; }))
        .timestamptz_array(
            column<std::optional<UnixMicros>>(rows, [](Row r) { return r->first_track_at; }));
    pipeline.add(ledger_sql::update_sessions, std::move(params));
}

void add_new_sessions(db::Pipeline& pipeline, const std::vector<const SessionRow*>& rows) {
    using Row = const SessionRow*;
    const auto subject = [](Subject::Kind kind) {
        return [kind](Row r) -> std::optional<Uuid> {
            if (r->subject.kind != kind) return std::nullopt;
            return r->subject.id;
        };
    };
    const auto ids = column<Uuid>(rows, [](Row r) { return r->id; });
    const auto rooms =
        column<std::string_view>(rows, [](Row r) { return std::string_view(r->room_name); });
    db::Params sessions;
    sessions.uuid_array(ids)
        .text_array(rooms)
        .text_array(
            column<std::string_view>(rows, [](Row r) { return std::string_view(r->host_did); }))
        .uuid_array(column<std::optional<Uuid>>(rows, subject(Subject::Kind::scene)))
        .uuid_array(column<std::optional<Uuid>>(rows, subject(Subject::Kind::event)))
        .timestamptz_array(column<UnixMicros>(rows, [](Row r) { return r->started_at; }))
        .int8_array(column<std::int64_t>(rows, [](Row r) { return r->head_seq; }))
        .bytea_array(
            column<std::string_view>(rows, [](Row r) { return std::string_view(r->head_hash); }))
        .timestamptz_array(column<UnixMicros>(rows, [](Row r) { return r->head_at; }))
        .int8_array(column<std::int64_t>(rows, [](Row r) { return r->kid; }))
        .uuid_array(column<std::optional<Uuid>>(rows, [](Row r) { return r->hosting_scene; }));
    pipeline.add(ledger_sql::insert_sessions, std::move(sessions));
    db::Params names;
    names.text_array(rooms).uuid_array(ids);
    pipeline.add(ledger_sql::insert_rooms, std::move(names));
}

using Times = std::optional<UnixMicros>;

void add_participants(
    db::Pipeline& pipeline,
    const std::vector<std::pair<const ParticipantKey*, const ParticipantRow*>>& rows) {
    using Item = std::pair<const ParticipantKey*, const ParticipantRow*>;
    const auto times = [&rows](Times ParticipantRow::*member) {
        return column<Times>(rows, [member](const Item& i) { return i.second->*member; });
    };
    const auto texts = [&rows](std::string ParticipantRow::*member) {
        return column<std::string_view>(
            rows, [member](const Item& i) { return std::string_view(i.second->*member); });
    };
    const db::BooleanColumn wanted(rows, [](const Item& i) { return i.second->latency_wanted; });
    const db::BooleanColumn done(rows, [](const Item& i) { return i.second->latency_done; });
    db::Params params;
    params.uuid_array(column<Uuid>(rows, [](const Item& i) { return i.first->first; }))
        .text_array(column<std::string_view>(
            rows, [](const Item& i) { return std::string_view(i.first->second); }))
        .timestamptz_array(times(&ParticipantRow::first_joined_at))
        .timestamptz_array(times(&ParticipantRow::joined_at))
        .timestamptz_array(times(&ParticipantRow::left_at))
        .int8_array(
            column<std::int64_t>(rows, [](const Item& i) { return i.second->reconnection_count; }))
        .timestamptz_array(times(&ParticipantRow::token_issued_at))
        .boolean_array(wanted.span())
        .boolean_array(done.span())
        .timestamptz_array(times(&ParticipantRow::leave_requested_at))
        .text_array(texts(&ParticipantRow::livekit_sid))
        .timestamptz_array(times(&ParticipantRow::livekit_since))
        .timestamptz_array(times(&ParticipantRow::livekit_active_at))
        .text_array(texts(&ParticipantRow::stay));
    pipeline.add(ledger_sql::upsert_participants, std::move(params));
}

void add_stays(db::Pipeline& pipeline, const LedgerBatch& batch) {
    if (const auto rows = batch.changed_stays(); !rows.empty()) {
        using Item = std::pair<const StayKey*, const StayRow*>;
        db::Params params;
        params.uuid_array(column<Uuid>(rows, [](const Item& i) { return i.first->session; }))
            .text_array(column<std::string_view>(
                rows, [](const Item& i) { return std::string_view(i.first->participant_id); }))
            .text_array(column<std::string_view>(
                rows, [](const Item& i) { return std::string_view(i.first->stay); }))
            .timestamptz_array(
                column<UnixMicros>(rows, [](const Item& i) { return i.second->joined_at; }))
            .timestamptz_array(
                column<Times>(rows, [](const Item& i) { return i.second->left_at; }));
        pipeline.add(ledger_sql::upsert_stays, std::move(params));
    }
    if (const auto& rows = batch.closed_stays(); !rows.empty()) {
        using Item = std::pair<const StayKey, UnixMicros>;
        db::Params params;
        params.uuid_array(column<Uuid>(rows, [](const Item& i) { return i.first.session; }))
            .text_array(column<std::string_view>(
                rows, [](const Item& i) { return std::string_view(i.first.participant_id); }))
            .text_array(column<std::string_view>(
                rows, [](const Item& i) { return std::string_view(i.first.stay); }))
            .timestamptz_array(column<UnixMicros>(rows, [](const Item& i) { return i.second; }));
        pipeline.add(ledger_sql::close_stays, std::move(params));
    }
}

void add_bans(db::Pipeline& pipeline, const LedgerBatch& batch) {
    if (const auto lifted = batch.lifted_bans(); !lifted.empty()) {
        using Key = const ParticipantKey*;
        db::Params params;
        params.uuid_array(column<Uuid>(lifted, [](Key k) { return k->first; }))
            .text_array(column<std::string_view>(
                lifted, [](Key k) { return std::string_view(k->second); }));
        pipeline.add(ledger_sql::delete_bans, std::move(params));
    }
    if (const auto added = batch.new_bans(); !added.empty()) {
        using Item = std::pair<const ParticipantKey*, UnixMicros>;
        db::Params params;
        params.uuid_array(column<Uuid>(added, [](const Item& i) { return i.first->first; }))
            .text_array(column<std::string_view>(
                added, [](const Item& i) { return std::string_view(i.first->second); }))
            .timestamptz_array(column<UnixMicros>(added, [](const Item& i) { return i.second; }));
        pipeline.add(ledger_sql::insert_bans, std::move(params));
    }
}

void add_withdrawals(db::Pipeline& pipeline, const LedgerBatch& batch) {
    const auto& rows = batch.withdrawn_orders();
    if (rows.empty()) return;
    using Order = const LiveKitOrder&;
    db::Params params;
    params
        .text_array(
            column<std::string_view>(rows, [](Order o) { return std::string_view(o.room_name); }))
        .text_array(column<std::string_view>(
            rows, [](Order o) { return std::string_view(o.participant_id); }));
    pipeline.add(ledger_sql::withdraw_removals, std::move(params));
}

// Never with nothing in it: the table's trigger wakes a worker per statement.
void add_orders(db::Pipeline& pipeline, const LedgerBatch& batch) {
    const auto& rows = batch.orders();
    if (rows.empty()) return;
    using Item = std::pair<Uuid, LiveKitOrder>;
    using MaybeText = std::optional<std::string_view>;
    const UnixMicros now = batch.now();
    const db::BooleanColumn muted(rows, [](const Item& i) { return i.second.action == "mute"; });
    const auto texts = [&rows](std::string LiveKitOrder::*member) {
        return column<MaybeText>(rows, [member](const Item& i) -> MaybeText {
            const std::string& text = i.second.*member;
            if (text.empty()) return std::nullopt;
            return text;
        });
    };
    db::Params params;
    params.uuid_array(column<Uuid>(rows, [](const Item& i) { return i.first; }))
        .text_array(column<std::string_view>(rows, [](const Item& i) { return i.second.action; }))
        .text_array(column<std::string_view>(
            rows, [](const Item& i) { return std::string_view(i.second.room_name); }))
        .text_array(texts(&LiveKitOrder::participant_id))
        .boolean_array(muted.span())
        .timestamptz_array(column<UnixMicros>(rows, [now](const Item&) { return now; }))
        .text_array(texts(&LiveKitOrder::traceparent))
        .text_array(texts(&LiveKitOrder::tracestate));
    pipeline.add(ledger_sql::insert_orders, std::move(params));
}

void add_keys(db::Pipeline& pipeline, const LedgerBatch& batch) {
    const auto rows = batch.new_keys();
    if (rows.empty()) return;
    using Item = std::pair<const IdempotencyRowKey*, const IdempotencyRow*>;
    const UnixMicros now = batch.now();
    db::Params params;
    params.uuid_array(column<Uuid>(rows, [](const Item& i) { return i.first->first; }))
        .bytea_array(
            column<std::string_view>(rows, [](const Item& i) { return as_view(i.first->second); }))
        .bytea_array(column<std::string_view>(
            rows, [](const Item& i) { return as_view(i.second->request); }))
        .int8_array(
            column<std::int64_t>(rows, [](const Item& i) { return i.second->answer_count; }))
        .timestamptz_array(column<UnixMicros>(rows, [now](const Item&) { return now; }));
    pipeline.add(ledger_sql::insert_keys, std::move(params));
}

void add_endings(db::Pipeline& pipeline, const std::vector<const SessionRow*>& rows) {
    using Row = const SessionRow*;
    const auto ids = column<Uuid>(rows, [](Row r) { return r->id; });
    db::Params close;
    close.uuid_array(ids).timestamptz_array(
        column<UnixMicros>(rows, [](Row r) { return *r->ended_at; }));
    pipeline.add(ledger_sql::close_participants, std::move(close));
    db::Params free;
    free.uuid_array(ids).uuid_array(column<Uuid>(rows, [](Row r) { return r->subject.id; }));
    pipeline.add(ledger_sql::free_subjects, std::move(free));
}

Times time_at(const db::Rows& rows, int row, int column) {
    if (rows.is_null(row, column)) return std::nullopt;
    return rows.timestamptz(row, column);
}

}  // namespace

SessionRow read_session(const db::Rows& rows, int row) {
    SessionRow session;
    session.id = rows.uuid(row, 0);
    session.room_name = rows.text(row, 1);
    session.host_did = rows.text(row, 2);
    if (!rows.is_null(row, 3)) {
        session.subject.kind = Subject::Kind::scene;
        session.subject.id = rows.uuid(row, 3);
    } else {
        session.subject.kind = Subject::Kind::event;
        session.subject.id = rows.uuid(row, 4);
    }
    session.started_at = rows.timestamptz(row, 5);
    session.ended_at = time_at(rows, row, 6);
    session.is_locked = rows.boolean(row, 7);
    session.join_count = rows.int8(row, 8);
    session.leave_count = rows.int8(row, 9);
    session.active_count = rows.int8(row, 10);
    session.head_seq = rows.int8(row, 11);
    session.head_hash = rows.bytea(row, 12);
    session.head_at = rows.timestamptz(row, 13);
    session.kid = rows.int8(row, 14);
    session.first_track_at = time_at(rows, row, 15);
    if (!rows.is_null(row, 16)) session.hosting_scene = rows.uuid(row, 16);
    return session;
}

void load_participants(LedgerBatch& batch, const db::Rows& rows) {
    for (int row = 0; row < rows.size(); ++row) {
        const ParticipantKey key{rows.uuid(row, 0), std::string(rows.text(row, 1))};
        if (!rows.is_null(row, 2)) batch.load_ban(key);
        if (rows.is_null(row, 3)) continue;
        ParticipantRow participant;
        participant.first_joined_at = time_at(rows, row, 4);
        participant.joined_at = time_at(rows, row, 5);
        participant.left_at = time_at(rows, row, 6);
        participant.reconnection_count = rows.int8(row, 7);
        participant.token_issued_at = time_at(rows, row, 8);
        participant.latency_wanted = rows.boolean(row, 9);
        participant.latency_done = rows.boolean(row, 10);
        participant.leave_requested_at = time_at(rows, row, 11);
        participant.livekit_sid = rows.text(row, 12);
        participant.livekit_since = time_at(rows, row, 13);
        participant.livekit_active_at = time_at(rows, row, 14);
        participant.stay = rows.text(row, 15);
        batch.load(key, std::move(participant));
    }
}

void load_stays(LedgerBatch& batch, const db::Rows& rows) {
    for (int row = 0; row < rows.size(); ++row) {
        StayKey key;
        key.session = rows.uuid(row, 0);
        key.participant_id = rows.text(row, 1);
        key.stay = rows.text(row, 2);
        StayRow stay;
        stay.joined_at = rows.timestamptz(row, 3);
        stay.left_at = time_at(rows, row, 4);
        batch.load(std::move(key), stay);
    }
}

void load_idempotency(LedgerBatch& batch, const db::Rows& rows) {
    const std::int64_t oldest = batch.now().value - idempotency_lifetime_us;
    for (int row = 0; row < rows.size(); ++row) {
        if (rows.timestamptz(row, 4).value <= oldest) continue;  // as good as gone
        IdempotencyRow first;
        first.request = tag_from(rows.bytea(row, 2));
        first.answer_count = rows.int8(row, 3);
        batch.load({rows.uuid(row, 0), tag_from(rows.bytea(row, 1))}, first);
    }
}

void add_writes(db::Pipeline& pipeline, const LedgerBatch& batch) {
    if (!batch.writes_anything()) return;
    const auto created = batch.created_sessions();
    if (!created.empty()) add_new_sessions(pipeline, created);
    const auto changed = batch.changed_sessions();
    if (!changed.empty()) add_session_updates(pipeline, changed);
    const auto participants = batch.changed_participants();
    if (!participants.empty()) add_participants(pipeline, participants);
    add_stays(pipeline, batch);
    add_bans(pipeline, batch);
    const auto ended = batch.ended_sessions();
    if (!ended.empty()) add_endings(pipeline, ended);
    if (!batch.audit_entries().empty()) {
        pipeline.add(audit_sql::insert_entries, insert_params(batch.audit_entries()));
    }
    add_keys(pipeline, batch);
    add_withdrawals(pipeline, batch);
    add_orders(pipeline, batch);
}

}  // namespace subcults::api
