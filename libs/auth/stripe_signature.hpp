// Is a webhook from our Stripe account? Its Stripe-Signature header has a time and one or more
// signatures: HMAC-SHA256 of "TIME.BODY" under the endpoint's secret.
//
// While a secret is being rolled Stripe signs with both, so any one of the `v1` may fit; all are
// compared, in constant time each. Other schemes (`v0`, of test helpers) are not looked at. A body
// that was signed more than the tolerance ago, or ahead, is refused: somebody may have kept it.
//
// Immutable and thread-safe. Cost: one MAC over the body, and a copy of it.
#pragma once

#include "base/config.hpp"
#include "base/result.hpp"

#include <boost/assert/source_location.hpp>

#include <cstdint>
#include <string_view>

namespace subcults::auth {

inline constexpr std::int64_t stripe_tolerance_seconds = 300;

enum class StripeFault {
    malformed,      // no time or several, no `v1` or too many, or not of the form k=v,k=v
    bad_signature,  // none of them fits
    stale,          // signed too long ago
    ahead,          // signed in the future, as far as our clock goes
};
// A short constant text for logs, for example "bad_signature".
std::string_view to_string(StripeFault fault) noexcept;

class StripeVerifier {
  public:
    // Throws std::invalid_argument when the secret is empty.
    explicit StripeVerifier(Secret secret);

    // `header`: the value of Stripe-Signature. `body`: the bytes as they came.
    Result<void, StripeFault> verify(std::string_view header, std::string_view body,
                                     std::int64_t now_unix_seconds) const;

  private:
    Secret secret_;
};

[[noreturn]] void throw_exception_from_error(StripeFault fault,
                                             const boost::source_location& where);

}  // namespace subcults::auth
