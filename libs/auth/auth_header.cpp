#include "auth/auth_header.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace subcults::auth {

namespace {

constexpr std::string_view bearer = "bearer";

bool is_scheme(std::string_view text) noexcept {
    return std::equal(text.begin(), text.end(), bearer.begin(), bearer.end(), [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
    });
}

// Wider than RFC 6750's alphabet, because operators choose internal tokens freely; access tokens
// are held to theirs by the verifier.
bool is_token_character(char c) noexcept {
    const auto code = static_cast<unsigned char>(c);
    return code > 0x20U && code != 0x7fU;
}

}  // namespace

std::string_view to_string(AuthHeaderFault fault) noexcept {
    switch (fault) {
        case AuthHeaderFault::empty:
            return "empty";
        case AuthHeaderFault::wrong_scheme:
            return "wrong_scheme";
        case AuthHeaderFault::malformed:
            return "malformed";
    }
    return "unknown";
}

Result<std::string_view, AuthHeaderFault> bearer_token(std::string_view header_value) noexcept {
    if (header_value.find_first_not_of(" \t") == std::string_view::npos) {
        return AuthHeaderFault::empty;
    }
    const std::size_t space = header_value.find(' ');
    if (!is_scheme(header_value.substr(0, space))) return AuthHeaderFault::wrong_scheme;
    if (space == std::string_view::npos) return AuthHeaderFault::malformed;
    const std::size_t start = header_value.find_first_not_of(' ', space);
    if (start == std::string_view::npos) return AuthHeaderFault::malformed;
    const std::string_view token = header_value.substr(start);
    if (!std::all_of(token.begin(), token.end(), is_token_character)) {
        return AuthHeaderFault::malformed;
    }
    return token;
}

InternalToken::InternalToken(const Secret& expected, bool accept_x_internal_token_header)
    : open_(expected.empty()), accept_x_header_(accept_x_internal_token_header) {
    if (!open_) expected_ = sha256(expected.reveal());
}

bool InternalToken::matches(std::string_view token) const {
    const Digest256 digest = sha256(token);
    return constant_time_equal(as_view(digest), as_view(expected_));
}

InternalToken::Verdict InternalToken::check(
    std::optional<std::string_view> authorization,
    std::optional<std::string_view> x_internal_token) const {
    if (open_) return Verdict::allowed;
    if (!accept_x_header_) x_internal_token.reset();
    if (!authorization && !x_internal_token) return Verdict::missing;
    if (x_internal_token && matches(*x_internal_token)) return Verdict::allowed;
    if (authorization) {
        const auto token = bearer_token(*authorization);
        if (token && matches(*token)) return Verdict::allowed;
    }
    return Verdict::wrong;
}

void throw_exception_from_error(AuthHeaderFault fault, const boost::source_location&) {
    throw std::runtime_error("Authorization header refused: " + std::string(to_string(fault)));
}

}  // namespace subcults::auth
