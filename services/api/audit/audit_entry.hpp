// One entry of an audit chain and the hash that ties it to the one before.
//
// Two versions of what the hash covers exist. Version 1: the fields below without the target.
// Version 2, for actions that are about somebody: with a commitment to the target. Which one an
// entry has is part of what is hashed.
#pragma once

#include "audit/privacy_keys.hpp"
#include "base/time.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace subcults::api {

// The audit log as an entity with a chain of its own.
inline constexpr std::string_view audit_log_entity_type = "audit_log";

// Whom an action was about: a pseudonym of the participant, hidden like the actor.
struct AuditTarget {
    Tag128 tag{};
    Tag128 nonce{};
    Tag128 commitment{};
};

// Everything the chain covers, in the order it is hashed.
struct AuditEntry {
    std::string_view entity_type;  // static text, or outlives the entry
    Uuid entity_id;
    std::int64_t seq = 0;
    std::string_view action;   // likewise
    std::string_view outcome;  // "success" or "failure"
    Tag128 actor{};
    Tag128 nonce{};
    Tag128 commitment{};
    std::string request_id;
    UnixMicros created_at;
    std::int64_t kid = 0;
    Digest256 hash{};
    std::optional<AuditTarget> target = std::nullopt;

    std::int32_t version() const noexcept { return target ? 2 : 1; }
};

// hash = HMAC-SHA256(chain key, length-prefixed fields ‖ previous hash). The fields contain the
// commitments, not actor and target: emptying those leaves the chain verifiable.
Digest256 audit_hash(PrivacyKeys& keys, const AuditEntry& entry, std::string_view previous_hash);

// Completes `entry` (commitments from actor, target and fresh nonces, then the hash).
void seal(PrivacyKeys& keys, AuditEntry& entry, std::string_view previous_hash);

}  // namespace subcults::api
