#include "auth/token_cache.hpp"

#include "base/crypto.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace subcults::auth {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::size_t max_ways = 8;
constexpr std::size_t max_cached_bytes = 2048;
// How much of a token's end is hashed: 16 characters of its MAC, 96 bits.
constexpr std::size_t hashed_bytes = 16;

}  // namespace

TokenCache::TokenCache(const TokenVerifier& verifier, std::size_t capacity)
    : verifier_(verifier), ways_(std::min(capacity, max_ways)) {
    if (ways_ != 0) {
        const std::size_t sets = (capacity + ways_ - 1) / ways_;
        entries_.resize(sets * ways_);
        hands_.resize(sets);
    }
    std::array<std::uint8_t, sizeof key_> random;
    random_bytes(random);
    std::memcpy(key_.data(), random.data(), random.size());
}

// Only the end of the signature is hashed. That is enough: what is stored carries a valid MAC,
// which is as good as random and not the holder's to choose, and the key is unknown to everyone.
// Strangers can make look-ups meet, but a look-up has a fixed cost and ends in a comparison of the
// whole token.
std::uint64_t TokenCache::hash_of(std::string_view token) const noexcept {
    std::array<std::uint64_t, 2> tail;
    std::memcpy(tail.data(), token.data() + token.size() - hashed_bytes, hashed_bytes);
    const Wide product =
        static_cast<Wide>(tail[0] ^ key_[0]) * static_cast<Wide>(tail[1] ^ key_[1]);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

TokenCache::Set TokenCache::set_of(std::uint64_t hash) const noexcept {
    const auto index = static_cast<std::size_t>((static_cast<Wide>(hash) * hands_.size()) >> 64U);
    return {index * ways_, index};
}

TokenCache::Entry& TokenCache::victim_in(const Set& set) noexcept {
    const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(set.first);
    const auto end = begin + static_cast<std::ptrdiff_t>(ways_);
    const auto free = std::find_if(begin, end, [](const Entry& e) { return e.token.empty(); });
    if (free != end) return *free;
    // Second chance: what was asked for since the hand last passed is passed over once.
    std::uint8_t& hand = hands_[set.index];
    for (;;) {
        Entry& entry = entries_[set.first + hand];
        hand = static_cast<std::uint8_t>((hand + 1U) % ways_);
        if (!std::exchange(entry.asked_again, false)) return entry;
    }
}

Result<Claims, TokenFault> TokenCache::verify(std::string_view token,
                                              std::int64_t now_unix_seconds) {
    if (ways_ == 0 || token.size() > max_cached_bytes || token.size() < hashed_bytes) {
        ++misses_;
        return verifier_.verify(token, now_unix_seconds);
    }
    const std::uint64_t hash = hash_of(token);
    const Set set = set_of(hash);
    for (std::size_t i = set.first; i < set.first + ways_; ++i) {
        Entry& entry = entries_[i];
        if (entry.hash != hash || entry.token != token) continue;
        // Outside the span in which the answer is known to be the same, ask the verifier: after
        // `exp`, or before the time of verification when the clock was set back.
        if (now_unix_seconds >= entry.claims.expires_at || now_unix_seconds < entry.verified_at) {
            entry = Entry();
            break;
        }
        entry.asked_again = true;
        ++hits_;
        return entry.claims;
    }

    ++misses_;
    auto verified = verifier_.verify(token, now_unix_seconds);
    if (verified && now_unix_seconds < verified->expires_at) {
        Entry& entry = victim_in(set);
        entry.hash = hash;
        entry.token = token;
        entry.claims = *verified;
        entry.verified_at = now_unix_seconds;
        entry.asked_again = false;
    }
    return verified;
}

std::size_t TokenCache::size() const noexcept {
    return static_cast<std::size_t>(std::count_if(
        entries_.begin(), entries_.end(), [](const Entry& entry) { return !entry.token.empty(); }));
}

}  // namespace subcults::auth
