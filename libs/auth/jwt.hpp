// Access tokens: JSON Web Tokens signed with HS256 and nothing else.
//
// A token names its holder (`did`), optionally a role, and when it ends (`exp`); `nbf` and `iat`
// are optional, and a `typ` claim, if there is one, must be "access". The header must say HS256 in
// exactly this spelling and must not ask for extensions. Every part has one accepted spelling:
// unpadded base64url whose spare bits are zero, no doubled members, no trailing text.
//
// Costs: about 15 µs for a good token, 2 µs for one that is not ours (the signature is checked
// before any claim is parsed). token_cache.hpp makes repeats cheap.
#pragma once

#include "base/result.hpp"

#include <boost/assert/source_location.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::auth {

inline constexpr std::size_t max_token_bytes = 8 * 1024;
inline constexpr std::size_t max_did_bytes = 2048;

struct Claims {
    std::string did;
    std::string role;             // "user" or "admin"
    std::int64_t expires_at = 0;  // Unix seconds, without the leeway
};

enum class TokenFault {
    malformed,
    bad_signature,
    unsupported_algorithm,
    expired,
    not_yet_valid,
    missing_claim,
    wrong_type,
};

// A short constant text for logs and answers, for example "bad_signature".
std::string_view to_string(TokenFault fault) noexcept;

// Verifies under any of several secrets, so that the signing secret can be rotated while tokens of
// the previous one live on. Immutable and thread-safe.
class TokenVerifier {
  public:
    // Secrets are tried in order: the current one first. Empty ones are dropped, so that an unset
    // secret verifies nothing. The leeway is granted to `exp` and `nbf`.
    explicit TokenVerifier(std::vector<std::string> secrets, std::int64_t leeway_seconds = 30);

    Result<Claims, TokenFault> verify(std::string_view token, std::int64_t now_unix_seconds) const;

  private:
    // The secret whose MAC over `signed_part` is `mac`, or nullptr.
    const std::string* secret_of(std::string_view signed_part, std::string_view mac) const;

    std::vector<std::string> secrets_;
    std::int64_t leeway_;
};

// A token for `did` that is valid from `now` on for `ttl_seconds`. An empty role is left out.
// Throws std::invalid_argument for an empty secret, a malformed DID or a lifetime below one second.
std::string mint_access_token(std::string_view secret, std::string_view did, std::string_view role,
                              std::int64_t now, std::int64_t ttl_seconds);

// `did:method:id` in the characters that DID syntax allows, up to 2048 bytes.
bool is_did(std::string_view text) noexcept;

// Lets Result<…, TokenFault>::value() compile; code that expects faults asks has_value() first.
[[noreturn]] void throw_exception_from_error(TokenFault fault, const boost::source_location& where);

}  // namespace subcults::auth
