// Remembers verified tokens, so that a client's next request costs a look-up (below 0.1 µs, most of
// it copying the claims) instead of a MAC and the parsing of JSON.
//
// Not thread-safe: one per worker thread. Answers exactly what the verifier would answer: only good
// tokens are remembered, compared in full, and never beyond their `exp` (the leeway after it is
// the verifier's to grant). Bounded: a full cache forgets what was not asked for lately, and tokens
// beyond 2 KiB are verified each time, so 4096 entries hold 8 MiB of tokens at the very most.
#pragma once

#include "auth/jwt.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::auth {

class TokenCache {
  public:
    // The verifier must outlive the cache. Capacity 0 = remember nothing; others are rounded up to
    // what the sets below hold.
    explicit TokenCache(const TokenVerifier& verifier, std::size_t capacity = 4096);

    Result<Claims, TokenFault> verify(std::string_view token, std::int64_t now_unix_seconds);

    std::size_t size() const noexcept;
    std::uint64_t hits() const noexcept { return hits_; }
    std::uint64_t misses() const noexcept { return misses_; }

  private:
    struct Entry {
        std::uint64_t hash = 0;
        std::string token;  // empty = free
        Claims claims;
        std::int64_t verified_at = 0;
        bool asked_again = false;
    };
    // A hash names a small set of entries and the token may be in any of them: a look-up has a
    // fixed worst case and eviction needs no lists.
    struct Set {
        std::size_t first;
        std::size_t index;
    };

    std::uint64_t hash_of(std::string_view token) const noexcept;
    Set set_of(std::uint64_t hash) const noexcept;
    Entry& victim_in(const Set& set) noexcept;

    const TokenVerifier& verifier_;
    std::size_t ways_;
    std::vector<Entry> entries_;
    std::vector<std::uint8_t> hands_;  // per set: where the search for a victim goes on
    std::array<std::uint64_t, 2> key_;
    std::uint64_t hits_ = 0;
    std::uint64_t misses_ = 0;
};

}  // namespace subcults::auth
