// Keys derived from PRIVACY_HMAC_KEY, one per purpose, and the pseudonyms made with them.
//
// A key is known by its kid, a fingerprint of the configured secret; sessions and audit rows
// remember theirs. So a rotated secret changes neither the participant ids of a session that is
// under way nor a chain that was begun with the one before.
#pragma once

#include "base/config.hpp"
#include "base/crypto.hpp"
#include "base/uuid.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::api {

using Tag128 = std::array<std::uint8_t, 16>;  // a MAC cut to 128 bits

inline std::string_view as_view(const Tag128& tag) noexcept {
    return {reinterpret_cast<const char*>(tag.data()), tag.size()};
}

// Not thread-safe (it holds MAC contexts): one per thread, made from the same secrets.
class PrivacyKeys {
  public:
    // The first secret is the current one; the others remain readable.
    explicit PrivacyKeys(const std::vector<Secret>& secrets);

    std::int64_t current_kid() const noexcept { return keys_.front().kid; }
    bool knows(std::int64_t kid) const noexcept;

    // "user-" and 26 base32 characters: stable for (session, DID), unlinkable across sessions.
    std::string participant_id(std::int64_t kid, const Uuid& session, std::string_view did);
    // The same person has the same actor everywhere (under one key).
    Tag128 actor(std::int64_t kid, std::string_view did);
    // What the chain covers instead of the actor itself.
    Tag128 commitment(std::int64_t kid, const Tag128& actor, const Tag128& nonce);
    // Binds an Idempotency-Key to its caller and route; and a request's body.
    Tag128 idempotency_tag(std::int64_t kid, std::string_view caller, std::string_view route,
                           std::string_view key);
    Digest256 chain(std::int64_t kid, std::string_view message);
    // Whom an audited action was about, from the participant id; and what the chain covers of it.
    Tag128 target(std::int64_t kid, std::string_view participant_id);
    Tag128 target_commitment(std::int64_t kid, const Tag128& target, const Tag128& nonce);
    // Signs checkpoints of all chains.
    Digest256 checkpoint(std::int64_t kid, std::string_view message);
    // Signs the end of an exported chain.
    Digest256 export_head(std::int64_t kid, std::string_view message);

    // Every key, the current one first: for finding what was derived at any time.
    std::vector<std::int64_t> kids() const;

  private:
    struct Keys {
        std::int64_t kid;
        HmacSha256 participant;
        HmacSha256 actor;
        HmacSha256 commitment;
        HmacSha256 idempotency;
        HmacSha256 chain;
        HmacSha256 target;
        HmacSha256 target_commitment;
        HmacSha256 checkpoint;
        HmacSha256 export_head;
    };
    static Keys derive(std::string_view secret);
    Keys& find(std::int64_t kid);

    std::vector<Keys> keys_;
};

}  // namespace subcults::api
