#include "audit/audit_rows.hpp"

#include "db/columns.hpp"

namespace subcults::api {
namespace {

using db::column;
using MaybeBytes = std::optional<std::string_view>;

MaybeBytes part_of(const AuditEntry& entry, Tag128 AuditTarget::*part) {
    if (!entry.target) return std::nullopt;
    return as_view((*entry.target).*part);
}

std::optional<std::string> bytes_at(const db::Rows& rows, int row, int column) {
    if (rows.is_null(row, column)) return std::nullopt;
    return std::string(rows.bytea(row, column));
}

}  // namespace

db::Params insert_params(const std::vector<AuditEntry>& entries) {
    using Entry = const AuditEntry&;
    const auto target_parts = [&entries](Tag128 AuditTarget::*part) {
        return column<MaybeBytes>(entries, [part](Entry e) { return part_of(e, part); });
    };
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
            column<std::string_view>(entries, [](Entry e) { return subcults::as_view(e.hash); }))
        .int4_array(column<std::int32_t>(entries, [](Entry e) { return e.version(); }))
        .bytea_array(target_parts(&AuditTarget::tag))
        .bytea_array(target_parts(&AuditTarget::nonce))
        .bytea_array(target_parts(&AuditTarget::commitment));
    return params;
}

StoredEntry stored_entry(const db::Rows& rows, int row) {
    StoredEntry entry;
    entry.entity_id = rows.uuid(row, 0);
    entry.seq = rows.int8(row, 1);
    entry.version = rows.int4(row, 2);
    entry.entity_type = rows.text(row, 3);
    entry.action = rows.text(row, 4);
    entry.outcome = rows.text(row, 5);
    entry.actor = bytes_at(rows, row, 6);
    entry.nonce = bytes_at(rows, row, 7);
    entry.commitment = rows.bytea(row, 8);
    entry.target = bytes_at(rows, row, 9);
    entry.target_nonce = bytes_at(rows, row, 10);
    entry.target_commitment = bytes_at(rows, row, 11);
    entry.request_id = rows.text(row, 12);
    entry.created_at = rows.timestamptz(row, 13);
    entry.kid = rows.int8(row, 14);
    entry.hash = rows.bytea(row, 15);
    return entry;
}

StoredEntry stored_form(const AuditEntry& entry) {
    const auto maybe = [](MaybeBytes bytes) -> std::optional<std::string> {
        if (!bytes) return std::nullopt;
        return std::string(*bytes);
    };
    StoredEntry stored;
    stored.entity_id = entry.entity_id;
    stored.seq = entry.seq;
    stored.version = entry.version();
    stored.entity_type = entry.entity_type;
    stored.action = entry.action;
    stored.outcome = entry.outcome;
    stored.actor = std::string(as_view(entry.actor));
    stored.nonce = std::string(as_view(entry.nonce));
    stored.commitment = as_view(entry.commitment);
    stored.target = maybe(part_of(entry, &AuditTarget::tag));
    stored.target_nonce = maybe(part_of(entry, &AuditTarget::nonce));
    stored.target_commitment = maybe(part_of(entry, &AuditTarget::commitment));
    stored.request_id = entry.request_id;
    stored.created_at = entry.created_at;
    stored.kid = entry.kid;
    stored.hash = subcults::as_view(entry.hash);
    return stored;
}

}  // namespace subcults::api
