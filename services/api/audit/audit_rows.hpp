// Entries of audit chains as rows of audit_logs: written by whoever extends a chain, read back
// exactly as they are stored, whatever somebody may have done to them meanwhile.
#pragma once

#include "audit/audit_entry.hpp"
#include "db/params.hpp"
#include "db/rows.hpp"
#include "db/statement.hpp"

#include <optional>
#include <string>
#include <vector>

namespace subcults::api {

namespace audit_sql {
// Takes what insert_params() makes.
inline constexpr db::Statement insert_entries{
    "audit_insert",
    "INSERT INTO audit_logs (entity_id, seq, entity_type, action, outcome, actor, nonce,"
    " commitment, request_id, created_at, kid, hash, version, target, target_nonce,"
    " target_commitment)"
    " SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[],"
    " $6::bytea[], $7::bytea[], $8::bytea[], $9::text[], $10::timestamptz[], $11::bigint[],"
    " $12::bytea[], $13::int[], $14::bytea[], $15::bytea[], $16::bytea[])"};
}  // namespace audit_sql

db::Params insert_params(const std::vector<AuditEntry>& entries);

// A row as it is found. Nothing about it is trusted: lengths and contents may be anybody's.
struct StoredEntry {
    Uuid entity_id;
    std::int64_t seq = 0;
    std::int64_t version = 1;
    std::string entity_type;
    std::string action;
    std::string outcome;
    std::optional<std::string> actor;  // raw bytes; nullopt = emptied
    std::optional<std::string> nonce;
    std::string commitment;
    std::optional<std::string> target;
    std::optional<std::string> target_nonce;
    std::optional<std::string> target_commitment;
    std::string request_id;
    UnixMicros created_at;
    std::int64_t kid = 0;
    std::string hash;

    bool operator==(const StoredEntry&) const = default;
};

// The columns that stored_entry() reads, of a relation `a`.
#define SUBCULTS_AUDIT_COLUMNS                                                              \
    "a.entity_id, a.seq, a.version, a.entity_type, a.action, a.outcome, a.actor, a.nonce, " \
    "a.commitment, a.target, a.target_nonce, a.target_commitment, a.request_id, "           \
    "a.created_at, a.kid, a.hash"
StoredEntry stored_entry(const db::Rows& rows, int row);

// As the row that this entry becomes.
StoredEntry stored_form(const AuditEntry& entry);

}  // namespace subcults::api
