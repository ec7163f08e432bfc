#include "audit/audit_entry.hpp"

#include "audit/mac_message.hpp"

namespace subcults::api {
namespace {

// No length of a first field has this bit, so no entry of version 1 reads like one of another.
constexpr std::uint64_t version_mark = 1ULL << 63;

}  // namespace

Digest256 audit_hash(PrivacyKeys& keys, const AuditEntry& entry, std::string_view previous_hash) {
    std::string message;
    message.reserve(256);
    if (entry.target) append_u64(message, version_mark | 2);
    append_field(message, entry.entity_type);
    append_field(message, {reinterpret_cast<const char*>(entry.entity_id.bytes.data()), 16});
    append_u64(message, static_cast<std::uint64_t>(entry.seq));
    append_field(message, entry.action);
    append_field(message, entry.outcome);
    append_field(message, as_view(entry.commitment));
    append_field(message, entry.request_id);
    append_u64(message, static_cast<std::uint64_t>(entry.created_at.value));
    append_u64(message, static_cast<std::uint64_t>(entry.kid));
    if (entry.target) append_field(message, as_view(entry.target->commitment));
    append_field(message, previous_hash);
    return keys.chain(entry.kid, message);
}

void seal(PrivacyKeys& keys, AuditEntry& entry, std::string_view previous_hash) {
    random_bytes(entry.nonce);
    entry.commitment = keys.commitment(entry.kid, entry.actor, entry.nonce);
    if (entry.target) {
        AuditTarget& target = *entry.target;
        random_bytes(target.nonce);
        target.commitment = keys.target_commitment(entry.kid, target.tag, target.nonce);
    }
    entry.hash = audit_hash(keys, entry, previous_hash);
}

}  // namespace subcults::api
