#include "audit/privacy_keys.hpp"

#include <algorithm>
#include <stdexcept>

namespace subcults::api {
namespace {

Tag128 cut(const Digest256& digest) noexcept {
    Tag128 tag;
    std::copy_n(digest.begin(), tag.size(), tag.begin());
    return tag;
}

HmacSha256 keyed(std::string_view secret, std::string_view purpose) {
    const Digest256 key = hkdf_sha256(secret, purpose);
    return HmacSha256(subcults::as_view(key));
}

// A length before each part keeps ("ab","c") and ("a","bc") apart.
void append_part(std::string& out, std::string_view part) {
    const auto length = static_cast<std::uint32_t>(part.size());
    for (int shift = 24; shift >= 0; shift -= 8) {
        out.push_back(static_cast<char>((length >> shift) & 0xff));
    }
    out.append(part);
}

}  // namespace

PrivacyKeys::Keys PrivacyKeys::derive(std::string_view secret) {
    const Digest256 fingerprint = hkdf_sha256(secret, "subcults kid");
    std::int64_t kid = 0;
    for (int i = 0; i < 7; ++i)
        kid = (kid << 8) | fingerprint[static_cast<std::size_t>(i)];
    return Keys{kid,
                keyed(secret, "subcults participant"),
                keyed(secret, "subcults actor"),
                keyed(secret, "subcults commitment"),
                keyed(secret, "subcults idempotency"),
                keyed(secret, "subcults audit chain"),
                keyed(secret, "subcults audit target"),
                keyed(secret, "subcults audit target commitment"),
                keyed(secret, "subcults audit checkpoint"),
                keyed(secret, "subcults audit export")};
}

PrivacyKeys::PrivacyKeys(const std::vector<Secret>& secrets) {
    if (secrets.empty()) throw std::invalid_argument("at least one privacy key is required");
    for (const Secret& secret : secrets) {
        if (secret) keys_.push_back(derive(secret.reveal()));
    }
}

bool PrivacyKeys::knows(std::int64_t kid) const noexcept {
    return std::any_of(keys_.begin(), keys_.end(), [kid](const Keys& k) { return k.kid == kid; });
}

PrivacyKeys::Keys& PrivacyKeys::find(std::int64_t kid) {
    for (Keys& keys : keys_) {
        if (keys.kid == kid) return keys;
    }
    throw std::logic_error("unknown privacy key: check knows() first");
}

std::string PrivacyKeys::participant_id(std::int64_t kid, const Uuid& session,
                                        std::string_view did) {
    std::string message(reinterpret_cast<const char*>(session.bytes.data()), session.bytes.size());
    message.append(did);
    return "user-" + base32(api::as_view(cut(find(kid).participant(message))));
}

Tag128 PrivacyKeys::actor(std::int64_t kid, std::string_view did) {
    return cut(find(kid).actor(did));
}

Tag128 PrivacyKeys::commitment(std::int64_t kid, const Tag128& actor, const Tag128& nonce) {
    std::string message(api::as_view(actor));
    message.append(api::as_view(nonce));
    return cut(find(kid).commitment(message));
}

Tag128 PrivacyKeys::idempotency_tag(std::int64_t kid, std::string_view caller,
                                    std::string_view route, std::string_view key) {
    std::string message;
    message.reserve(caller.size() + route.size() + key.size() + 12);
    append_part(message, caller);
    append_part(message, route);
    append_part(message, key);
    return cut(find(kid).idempotency(message));
}

Digest256 PrivacyKeys::chain(std::int64_t kid, std::string_view message) {
    return find(kid).chain(message);
}

Tag128 PrivacyKeys::target(std::int64_t kid, std::string_view participant_id) {
    return cut(find(kid).target(participant_id));
}

Tag128 PrivacyKeys::target_commitment(std::int64_t kid, const Tag128& target, const Tag128& nonce) {
    std::string message(api::as_view(target));
    message.append(api::as_view(nonce));
    return cut(find(kid).target_commitment(message));
}

Digest256 PrivacyKeys::checkpoint(std::int64_t kid, std::string_view message) {
    return find(kid).checkpoint(message);
}

Digest256 PrivacyKeys::export_head(std::int64_t kid, std::string_view message) {
    return find(kid).export_head(message);
}

std::vector<std::int64_t> PrivacyKeys::kids() const {
    std::vector<std::int64_t> kids;
    for (const Keys& keys : keys_)
        kids.push_back(keys.kid);
    return kids;
}

}  // namespace subcults::api
