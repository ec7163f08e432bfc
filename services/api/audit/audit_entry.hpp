// One entry of an audit chain and the hash that ties it to the one before.
#pragma once

#include "audit/privacy_keys.hpp"
#include "base/time.hpp"

#include <string>
#include <string_view>

namespace subcults::api {

// Everything the chain covers, in the order it is hashed.
struct AuditEntry {
    std::string_view entity_type;  // static text
    Uuid entity_id;
    std::int64_t seq = 0;
    std::string_view action;   // static text
    std::string_view outcome;  // "success" or "failure"
    Tag128 actor{};
    Tag128 nonce{};
    Tag128 commitment{};
    std::string request_id;
    UnixMicros created_at;
    std::int64_t kid = 0;
    Digest256 hash{};
};

// hash = HMAC-SHA256(chain key, length-prefixed fields ‖ previous hash). The fields contain the
// commitment, not the actor: emptying actor and nonce leaves the chain verifiable.
Digest256 audit_hash(PrivacyKeys& keys, const AuditEntry& entry, std::string_view previous_hash);

// Completes `entry` (commitment from actor and a fresh nonce, then the hash).
void seal(PrivacyKeys& keys, AuditEntry& entry, std::string_view previous_hash);

}  // namespace subcults::api
