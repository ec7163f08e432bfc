// Credentials as HTTP headers carry them: bearer tokens, and the shared token of internal routes.
// Thread-safe; no function here throws except for lack of memory.
#pragma once

#include "base/config.hpp"
#include "base/crypto.hpp"
#include "base/result.hpp"

#include <boost/assert/source_location.hpp>

#include <optional>
#include <string_view>

namespace subcults::auth {

enum class AuthHeaderFault {
    empty,         // nothing but blanks
    wrong_scheme,  // not "Bearer"
    malformed,     // no token, several, or characters that no token has
};
std::string_view to_string(AuthHeaderFault fault) noexcept;

// The token of `Authorization: Bearer x`: the scheme in any letter case, then one or more spaces,
// then exactly one token without blanks or control characters. The view points into the argument.
Result<std::string_view, AuthHeaderFault> bearer_token(std::string_view header_value) noexcept;

// Guards /internal/* and /metrics with one shared token, which comes as a bearer token or, where
// that is allowed, in X-Internal-Token. Compares digests in constant time: neither where a guess
// goes wrong nor how long the expected token is can be measured.
class InternalToken {
  public:
    enum class Verdict { allowed, missing, wrong };

    // An empty expected token means open to everyone.
    InternalToken(const Secret& expected, bool accept_x_internal_token_header);

    // Absent headers are nullopt. One right header is enough, whatever the other one holds. A
    // header that is present but unusable (another scheme, say) counts as wrong, not as missing; an
    // X-Internal-Token that is not accepted here counts as absent.
    Verdict check(std::optional<std::string_view> authorization,
                  std::optional<std::string_view> x_internal_token) const;

    bool open() const noexcept { return open_; }

  private:
    bool matches(std::string_view token) const;

    Digest256 expected_{};
    bool open_;
    bool accept_x_header_;
};

[[noreturn]] void throw_exception_from_error(AuthHeaderFault fault,
                                             const boost::source_location& where);

}  // namespace subcults::auth
