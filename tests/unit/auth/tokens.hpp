// Tokens put together by hand, so that the tests can say what no well-behaved issuer would.
#pragma once

#include "base/crypto.hpp"

#include <string>
#include <string_view>

namespace subcults::test {

inline const std::string current_secret = "current-secret-current-secret-32b";
inline const std::string previous_secret = "previous-secret-previous-secret-3";
inline constexpr std::int64_t now = 1'769'653'800;
inline const std::string good_header = R"({"alg":"HS256","typ":"JWT"})";
inline const std::string good_payload = R"({"did":"did:plc:alice","exp":1769654700})";

inline std::string sign_segments(std::string_view header64, std::string_view payload64,
                                 std::string_view secret = current_secret) {
    std::string token(header64);
    token.append(".").append(payload64);
    const Digest256 mac = hmac_sha256(secret, token);
    return token + "." + base64url(as_view(mac));
}

inline std::string make_token(std::string_view header, std::string_view payload,
                              std::string_view secret = current_secret) {
    return sign_segments(base64url(header), base64url(payload), secret);
}

}  // namespace subcults::test
