#include "auth/webhook_signature.hpp"

#include "base/crypto.hpp"

#include <boost/throw_exception.hpp>

#include <rapidjson/document.h>

#include <optional>
#include <stdexcept>

namespace subcults::auth {
namespace {

constexpr std::size_t max_header_bytes = 4096;
constexpr std::int64_t leeway_seconds = 60;

bool parse_object(const std::string& text, rapidjson::Document& into) {
    constexpr unsigned flags =
        rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
    // To the parser a NUL byte would be the end of the text.
    if (text.find('\0') != std::string::npos) return false;
    into.Parse<flags>(text.data(), text.size());
    return !into.HasParseError() && into.IsObject();
}

std::optional<std::string_view> text_claim(const rapidjson::Document& object, const char* name) {
    const auto found = object.FindMember(name);
    if (found == object.MemberEnd() || !found->value.IsString()) return std::nullopt;
    return std::string_view(found->value.GetString(), found->value.GetStringLength());
}

// A NumericDate; fractions are cut. nullopt = absent or no number within a sane range.
std::optional<std::int64_t> time_claim(const rapidjson::Document& object, const char* name) {
    const auto found = object.FindMember(name);
    if (found == object.MemberEnd()) return std::nullopt;
    constexpr double limit = 1e15;
    if (found->value.IsInt64()) {
        const std::int64_t value = found->value.GetInt64();
        if (value < static_cast<std::int64_t>(limit) && value >= 0) return value;
        return std::nullopt;
    }
    if (!found->value.IsDouble()) return std::nullopt;
    const double value = found->value.GetDouble();
    if (!(value >= 0 && value < limit)) return std::nullopt;
    return static_cast<std::int64_t>(value);
}

std::string_view strip_scheme(std::string_view value) {
    constexpr std::string_view scheme = "bearer ";
    if (value.size() <= scheme.size()) return value;
    for (std::size_t i = 0; i < scheme.size(); ++i) {
        const char c = value[i];
        const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
        if (lower != scheme[i]) return value;
    }
    return value.substr(scheme.size());
}

}  // namespace

std::string_view to_string(SignatureFault fault) noexcept {
    switch (fault) {
        case SignatureFault::malformed:
            return "malformed";
        case SignatureFault::unsupported_algorithm:
            return "unsupported_algorithm";
        case SignatureFault::bad_signature:
            return "bad_signature";
        case SignatureFault::unknown_issuer:
            return "unknown_issuer";
        case SignatureFault::missing_claim:
            return "missing_claim";
        case SignatureFault::expired:
            return "expired";
        case SignatureFault::not_yet_valid:
            return "not_yet_valid";
        case SignatureFault::body_mismatch:
            return "body_mismatch";
    }
    return "unknown";
}

WebhookVerifier::WebhookVerifier(std::string api_key, Secret secret)
    : api_key_(std::move(api_key)), secret_(std::move(secret)) {
    if (api_key_.empty() || secret_.empty()) {
        throw std::invalid_argument("webhooks need an API key and a secret");
    }
}

Result<void, SignatureFault> WebhookVerifier::verify(std::string_view authorization,
                                                     std::string_view body,
                                                     std::int64_t now_unix_seconds) const {
    const std::string_view token = strip_scheme(authorization);
    if (token.size() > max_header_bytes) return SignatureFault::malformed;
    const std::size_t first = token.find('.');
    const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
        return SignatureFault::malformed;
    }
    const auto header_text = from_base64url(token.substr(0, first));
    const auto mac = from_base64url(token.substr(second + 1));
    rapidjson::Document header;
    if (!header_text || !mac || !parse_object(*header_text, header)) {
        return SignatureFault::malformed;
    }
    if (text_claim(header, "alg") != std::string_view("HS256")) {
        return SignatureFault::unsupported_algorithm;
    }
    const Digest256 expected = hmac_sha256(secret_.reveal(), token.substr(0, second));
    if (!constant_time_equal(*mac, as_view(expected))) return SignatureFault::bad_signature;

    const auto claims_text = from_base64url(token.substr(first + 1, second - first - 1));
    rapidjson::Document claims;
    if (!claims_text || !parse_object(*claims_text, claims)) return SignatureFault::malformed;
    if (text_claim(claims, "iss") != std::string_view(api_key_)) {
        return SignatureFault::unknown_issuer;
    }
    const auto expires = time_claim(claims, "exp");
    const auto digest_claim = text_claim(claims, "sha256");
    if (!expires || !digest_claim) return SignatureFault::missing_claim;
    if (now_unix_seconds > *expires + leeway_seconds) return SignatureFault::expired;
    if (claims.HasMember("nbf")) {
        const auto from = time_claim(claims, "nbf");
        if (!from) return SignatureFault::malformed;
        if (now_unix_seconds + leeway_seconds < *from) return SignatureFault::not_yet_valid;
    }
    const auto named = from_base64(*digest_claim);
    const Digest256 digest = sha256(body);
    if (!named || !constant_time_equal(*named, as_view(digest))) {
        return SignatureFault::body_mismatch;
    }
    return {};
}

void throw_exception_from_error(SignatureFault fault, const boost::source_location& where) {
    boost::throw_exception(std::runtime_error(std::string(to_string(fault))), where);
}

}  // namespace subcults::auth
