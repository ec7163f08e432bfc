#include "streams/ledger_rows.hpp"

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
        .timestamptz_array(column<UnixMicros>(rows, [](Row r) { return r->head_at; }));
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
        .int8_array(column<std::int64_t>(rows, [](Row r) { return r->kid; }));
    pipeline.add(ledger_sql::insert_sessions, std::move(sessions));
    db::Params names;
    names.text_array(rooms).uuid_array(ids);
    pipeline.add(ledger_sql::insert_rooms, std::move(names));
}

void add_participants(
    db::Pipeline& pipeline,
    const std::vector<std::pair<const ParticipantKey*, const ParticipantRow*>>& rows) {
    using Item = std::pair<const ParticipantKey*, const ParticipantRow*>;
    db::Params params;
    params.uuid_array(column<Uuid>(rows, [](const Item& i) { return i.first->first; }))
        .text_array(column<std::string_view>(
            rows, [](const Item& i) { return std::string_view(i.first->second); }))
        .timestamptz_array(
            column<UnixMicros>(rows, [](const Item& i) { return i.second->first_joined_at; }))
        .timestamptz_array(
            column<UnixMicros>(rows, [](const Item& i) { return i.second->joined_at; }))
        .timestamptz_array(column<std::optional<UnixMicros>>(
            rows, [](const Item& i) { return i.second->left_at; }))
        .int8_array(
            column<std::int64_t>(rows, [](const Item& i) { return i.second->reconnection_count; }));
    pipeline.add(ledger_sql::upsert_participants, std::move(params));
}

void add_audit(db::Pipeline& pipeline, const std::vector<AuditEntry>& entries) {
    using Entry = const AuditEntry&;
    db::Params params;
    params.uuid_array(column<Uuid>(entries, [](Entry e) { return e.entity_id; }))
        .int8_array(column<std::int64_t>(entries, [](Entry e) { return e.seq; }))
        .text_array(column<std::string_view>(entries, [](Entry e) { return e.entity_type; }))
        .text_array(column<std::string_view>(entries, [](Entry e) { return e.action; }))
        .text_array(column<std::string_view>(entries, [](Entry e) { return e.outcome; }))
        .bytea_array(column<std::string_view>(entries, [](Entry e) { return as_view(e.actor); }))
        .bytea_array(column<std::string_view>(entries, [](Entry e) { return as_view(e.nonce); }))
        .bytea_array(
            column<std::string_view>(entries, [](Entry e) { return as_view(e.commitment); }))
        .text_array(column<std::string_view>(
            entries, [](Entry e) { return std::string_view(e.request_id); }))
        .timestamptz_array(column<UnixMicros>(entries, [](Entry e) { return e.created_at; }))
        .int8_array(column<std::int64_t>(entries, [](Entry e) { return e.kid; }))
        .bytea_array(
            column<std::string_view>(entries, [](Entry e) { return subcults::as_view(e.hash); }));
    pipeline.add(ledger_sql::insert_audit, std::move(params));
}

void add_keys(db::Pipeline& pipeline, const LedgerBatch& batch) {
    const auto rows = batch.new_keys();
    if (rows.empty()) return;
    using Item = std::pair<const IdempotencyRowKey*, const IdempotencyRow*>;
    const UnixMicros now = now_micros();
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
    if (!rows.is_null(row, 6)) session.ended_at = rows.timestamptz(row, 6);
    session.is_locked = rows.boolean(row, 7);
    session.join_count = rows.int8(row, 8);
    session.leave_count = rows.int8(row, 9);
    session.active_count = rows.int8(row, 10);
    session.head_seq = rows.int8(row, 11);
    session.head_hash = rows.bytea(row, 12);
    session.head_at = rows.timestamptz(row, 13);
    session.kid = rows.int8(row, 14);
    return session;
}

void load_participants(LedgerBatch& batch, const db::Rows& rows) {
    for (int row = 0; row < rows.size(); ++row) {
        ParticipantRow participant;
        participant.first_joined_at = rows.timestamptz(row, 2);
        participant.joined_at = rows.timestamptz(row, 3);
        if (!rows.is_null(row, 4)) participant.left_at = rows.timestamptz(row, 4);
        participant.reconnection_count = rows.int8(row, 5);
        batch.load({rows.uuid(row, 0), std::string(rows.text(row, 1))}, participant);
    }
}

void load_idempotency(LedgerBatch& batch, const db::Rows& rows) {
    for (int row = 0; row < rows.size(); ++row) {
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
    const auto ended = batch.ended_sessions();
    if (!ended.empty()) add_endings(pipeline, ended);
    add_audit(pipeline, batch.audit_entries());
    add_keys(pipeline, batch);
}

}  // namespace subcults::api
