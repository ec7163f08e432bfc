// Is a webhook from our LiveKit? Its Authorization header is a token under our API secret that
// names the digest of the body.
//
// Refused: other algorithms than HS256, another issuer, no expiry, and a token without `sha256` -
// otherwise any participant's own token, which is signed with the same secret, would do.
// The signature is checked before any claim is read, and the body is not parsed here at all.
//
// Immutable and thread-safe. Cost: one MAC over the token, one digest over the body.
#pragma once

#include "base/config.hpp"
#include "base/result.hpp"

#include <boost/assert/source_location.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace subcults::auth {

enum class SignatureFault {
    malformed,
    unsupported_algorithm,
    bad_signature,
    unknown_issuer,
    missing_claim,
    expired,
    not_yet_valid,
    body_mismatch,
};
// A short constant text for logs, for example "bad_signature".
std::string_view to_string(SignatureFault fault) noexcept;

class WebhookVerifier {
  public:
    // Throws std::invalid_argument when one of them is empty.
    WebhookVerifier(std::string api_key, Secret secret);

    // `authorization`: the header's value, with or without "Bearer ". `body`: the bytes as they
    // came. A minute of leeway is granted to both ends of the token's validity.
    Result<void, SignatureFault> verify(std::string_view authorization, std::string_view body,
                                        std::int64_t now_unix_seconds) const;

  private:
    std::string api_key_;
    Secret secret_;
};

[[noreturn]] void throw_exception_from_error(SignatureFault fault,
                                             const boost::source_location& where);

}  // namespace subcults::auth
