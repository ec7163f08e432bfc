#include "auth/stripe_signature.hpp"

#include "base/crypto.hpp"

#include <boost/throw_exception.hpp>

#include <charconv>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace subcults::auth {
namespace {

constexpr std::size_t max_header_bytes = 4096;
constexpr std::size_t max_signatures = 16;
constexpr std::size_t max_time_digits = 12;  // some 30,000 years

struct Parts {
    std::string_view time;  // as it was signed
    std::int64_t seconds = 0;
    std::vector<std::string> signatures;
};

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ')
        text.remove_suffix(1);
    return text;
}

bool read_time(std::string_view text, Parts& into) {
    if (!into.time.empty() || text.empty() || text.size() > max_time_digits) return false;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, into.seconds);
    into.time = text;
    return parsed.ec == std::errc() && parsed.ptr == end && into.seconds >= 0;
}

std::optional<Parts> take_apart(std::string_view header) {
    if (header.size() > max_header_bytes) return std::nullopt;
    Parts parts;
    while (!header.empty()) {
        const std::size_t comma = header.find(',');
        const std::string_view item = trimmed(header.substr(0, comma));
        header.remove_prefix(comma == std::string_view::npos ? header.size() : comma + 1);
        const std::size_t equals = item.find('=');
        if (equals == std::string_view::npos) return std::nullopt;
        const std::string_view value = item.substr(equals + 1);
        const std::string_view name = item.substr(0, equals);
        if (name == "t") {
            if (!read_time(value, parts)) return std::nullopt;
        } else if (name == "v1") {
            if (parts.signatures.size() == max_signatures) return std::nullopt;
            // One that is no hexadecimal number fits nothing; another one still may.
            parts.signatures.push_back(from_hex(value).value_or(std::string()));
        }
    }
    if (parts.time.empty() || parts.signatures.empty()) return std::nullopt;
    return parts;
}

}  // namespace

std::string_view to_string(StripeFault fault) noexcept {
    switch (fault) {
        case StripeFault::malformed:
            return "malformed";
        case StripeFault::bad_signature:
            return "bad_signature";
        case StripeFault::stale:
            return "stale";
        case StripeFault::ahead:
            return "ahead";
    }
    return "unknown";
}

StripeVerifier::StripeVerifier(Secret secret) : secret_(std::move(secret)) {
    if (secret_.empty()) throw std::invalid_argument("webhooks of Stripe need a secret");
}

Result<void, StripeFault> StripeVerifier::verify(std::string_view header, std::string_view body,
                                                 std::int64_t now_unix_seconds) const {
    const auto parts = take_apart(header);
    if (!parts) return StripeFault::malformed;
    std::string signed_text;
    signed_text.reserve(parts->time.size() + 1 + body.size());
    signed_text.append(parts->time).append(1, '.').append(body);
    const Digest256 expected = hmac_sha256(secret_.reveal(), signed_text);
    bool fits = false;
    for (const std::string& signature : parts->signatures)
        fits = constant_time_equal(signature, as_view(expected)) || fits;
    if (!fits) return StripeFault::bad_signature;
    if (now_unix_seconds - parts->seconds > stripe_tolerance_seconds) return StripeFault::stale;
    if (parts->seconds - now_unix_seconds > stripe_tolerance_seconds) return StripeFault::ahead;
    return {};
}

void throw_exception_from_error(StripeFault fault, const boost::source_location& where) {
    boost::throw_exception(std::runtime_error(std::string(to_string(fault))), where);
}

}  // namespace subcults::auth
