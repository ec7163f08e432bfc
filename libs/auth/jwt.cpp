// Verification in four gates, cheapest and strictest first; each sees only what the one before let
// through:
//   1. shape: size, three segments, canonical base64url;
//   2. header: HS256 by its exact name, no extension that would change what the rest means;
//   3. MAC: recomputed under each secret and compared in constant time;
//   4. claims: libjwt's own verdict, then strict types, then time.
// libjwt 1.10 alone would not do: it takes the algorithm from the token in any letter case (so a
// holder may choose HS384 or make it read the secret as a PEM key), reads text only up to an
// embedded NUL, accepts doubled members and sloppy base64, and parses claims before it checks the
// signature.
#include "auth/jwt.hpp"

#include "auth/libjwt.hpp"
#include "base/crypto.hpp"

#include <rapidjson/document.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <utility>

namespace subcults::auth {

namespace {

constexpr std::size_t mac_bytes = 32;
constexpr std::size_t mac_characters = 43;

struct Segments {
    std::string_view header, payload, signature;
    std::string_view signed_part;  // header and payload with the dot between them
};

std::optional<Segments> split(std::string_view token) noexcept {
    const std::size_t first = token.find('.');
    if (first == std::string_view::npos) return std::nullopt;
    const std::size_t second = token.find('.', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    Segments parts;
    parts.header = token.substr(0, first);
    parts.payload = token.substr(first + 1, second - first - 1);
    parts.signature = token.substr(second + 1);  // a third dot fails as base64url
    parts.signed_part = token.substr(0, second);
    if (parts.header.empty() || parts.payload.empty()) return std::nullopt;
    return parts;
}

// A JSON object parsed without recursion (depth is the sender's choice) and with checked UTF-8.
// Tokens of the usual size are parsed within the object itself, without a heap allocation.
class JsonObject {
  public:
    using Value = rapidjson::Value;

    explicit JsonObject(const std::string& text) {
        constexpr unsigned flags =
            rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
        document_.Parse<flags>(text.data(), text.size());
        // RapidJSON takes a NUL byte for the end of its input and would ignore what follows.
        valid_ = text.find('\0') == std::string::npos && !document_.HasParseError() &&
                 document_.IsObject();
    }
    JsonObject(const JsonObject&) = delete;
    JsonObject& operator=(const JsonObject&) = delete;

    bool valid() const noexcept { return valid_; }

    // The member's value, or nullptr. A name that occurs twice makes the whole object untrustworthy
    // (readers differ in which one they take), so that is remembered in doubled().
    const Value* find(std::string_view name) {
        const Value* found = nullptr;
        // By pointer: C++20 finds comparing RapidJSON's member iterators ambiguous.
        const auto* member = document_.MemberCount() == 0 ? nullptr : &*document_.MemberBegin();
        for (std::size_t left = document_.MemberCount(); left != 0; --left, ++member) {
            if (text_of(member->name) != name) continue;
            if (found != nullptr) doubled_ = true;
            found = &member->value;
        }
        return found;
    }

    bool doubled() const noexcept { return doubled_; }

    static std::string_view text_of(const Value& value) noexcept {
        return {value.GetString(), value.GetStringLength()};
    }

  private:
    using Pool = rapidjson::MemoryPoolAllocator<>;
    static constexpr std::size_t chunk_bytes = 8 * 1024;

    alignas(std::max_align_t) std::array<char, 2048> value_space_;
    alignas(std::max_align_t) std::array<char, 2048> stack_space_;
    Pool value_pool_{value_space_.data(), value_space_.size(), chunk_bytes};
    Pool stack_pool_{stack_space_.data(), stack_space_.size(), chunk_bytes};
    rapidjson::GenericDocument<rapidjson::UTF8<>, Pool, Pool> document_{&value_pool_, 1024,
                                                                        &stack_pool_};
    bool valid_ = false;
    bool doubled_ = false;
};

std::optional<TokenFault> header_fault(const std::string& text) {
    JsonObject header(text);
    if (!header.valid()) return TokenFault::malformed;
    const auto* algorithm = header.find("alg");
    const auto* type = header.find("typ");
    // Each of these changes what the other segments mean.
    const bool extended = header.find("crit") != nullptr || header.find("b64") != nullptr ||
                          header.find("zip") != nullptr || header.find("enc") != nullptr;
    if (header.doubled()) return TokenFault::malformed;
    if (extended || algorithm == nullptr || !algorithm->IsString() ||
        JsonObject::text_of(*algorithm) != "HS256") {
        return TokenFault::unsupported_algorithm;
    }
    if (type != nullptr) {
        if (!type->IsString()) return TokenFault::wrong_type;
        std::string name(JsonObject::text_of(*type));
        std::transform(name.begin(), name.end(), name.begin(), [](char c) {
            return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        });
        if (name != "JWT") return TokenFault::wrong_type;
    }
    return std::nullopt;
}

// libjwt's verdict on a token that passed the gates before. It must agree.
bool libjwt_accepts(std::string_view token, const std::string& secret) {
    const std::string terminated(token);
    jwt_t* decoded = nullptr;
    const int status = jwt_decode(&decoded, terminated.c_str(),
                                  reinterpret_cast<const unsigned char*>(secret.data()),
                                  static_cast<int>(secret.size()));
    const LibJwt owner(decoded);
    return status == 0 && owner && jwt_get_alg(owner.get()) == JWT_ALG_HS256;
}

// A NumericDate: Unix seconds, possibly with a fraction (which `round` brings to whole seconds).
std::optional<std::int64_t> numeric_date(const rapidjson::Value& value, double (*round)(double)) {
    if (value.IsInt64()) return value.GetInt64();
    if (!value.IsDouble()) return std::nullopt;
    constexpr double exact = 9'007'199'254'740'992.0;  // 2^53
    const double seconds = value.GetDouble();
    if (!(std::abs(seconds) < exact)) return std::nullopt;
    return static_cast<std::int64_t>(round(seconds));
}

double round_down(double seconds) noexcept {
    return std::floor(seconds);
}
double round_up(double seconds) noexcept {
    return std::ceil(seconds);
}

Result<Claims, TokenFault> read_claims(const std::string& text, std::int64_t now,
                                       std::int64_t leeway) {
    JsonObject payload(text);
    if (!payload.valid()) return TokenFault::malformed;
    const auto* did = payload.find("did");
    const auto* role = payload.find("role");
    const auto* type = payload.find("typ");
    const auto* expires = payload.find("exp");
    const auto* not_before = payload.find("nbf");
    const auto* issued = payload.find("iat");
    if (payload.doubled()) return TokenFault::malformed;

    if (type != nullptr && (!type->IsString() || JsonObject::text_of(*type) != "access")) {
        return TokenFault::wrong_type;
    }
    if (did == nullptr || expires == nullptr) return TokenFault::missing_claim;
    if (!did->IsString() || !is_did(JsonObject::text_of(*did))) return TokenFault::malformed;
    const auto expires_at = numeric_date(*expires, round_down);
    if (!expires_at) return TokenFault::malformed;
    if (issued != nullptr && !numeric_date(*issued, round_down)) return TokenFault::malformed;
    // The leeway goes to the clock's side, where it cannot overflow.
    if (now - leeway >= *expires_at) return TokenFault::expired;
    if (not_before != nullptr) {
        const auto valid_from = numeric_date(*not_before, round_up);
        if (!valid_from) return TokenFault::malformed;
        if (now + leeway < *valid_from) return TokenFault::not_yet_valid;
    }

    Claims claims;
    claims.did = JsonObject::text_of(*did);
    const bool admin = role != nullptr && role->IsString() && JsonObject::text_of(*role) == "admin";
    claims.role = admin ? "admin" : "user";
    claims.expires_at = *expires_at;
    return claims;
}

}  // namespace

std::string_view to_string(TokenFault fault) noexcept {
    switch (fault) {
        case TokenFault::malformed:
            return "malformed";
        case TokenFault::bad_signature:
            return "bad_signature";
        case TokenFault::unsupported_algorithm:
            return "unsupported_algorithm";
        case TokenFault::expired:
            return "expired";
        case TokenFault::not_yet_valid:
            return "not_yet_valid";
        case TokenFault::missing_claim:
            return "missing_claim";
        case TokenFault::wrong_type:
            return "wrong_type";
    }
    return "unknown";
}

TokenVerifier::TokenVerifier(std::vector<std::string> secrets, std::int64_t leeway_seconds)
    : secrets_(std::move(secrets)), leeway_(std::max<std::int64_t>(leeway_seconds, 0)) {
    secrets_.erase(std::remove(secrets_.begin(), secrets_.end(), std::string()), secrets_.end());
}

const std::string* TokenVerifier::secret_of(std::string_view signed_part,
                                            std::string_view mac) const {
    for (const std::string& secret : secrets_) {
        const Digest256 expected = hmac_sha256(secret, signed_part);
        if (constant_time_equal(as_view(expected), mac)) return &secret;
    }
    return nullptr;
}

Result<Claims, TokenFault> TokenVerifier::verify(std::string_view token,
                                                 std::int64_t now_unix_seconds) const {
    if (token.size() > max_token_bytes) return TokenFault::malformed;
    const auto parts = split(token);
    if (!parts) return TokenFault::malformed;
    const auto header = from_base64url(parts->header);
    if (!header) return TokenFault::malformed;
    if (const auto fault = header_fault(*header)) return *fault;

    if (parts->signature.empty()) return TokenFault::bad_signature;
    const auto mac = from_base64url(parts->signature);
    if (!mac) return TokenFault::malformed;
    if (parts->signature.size() != mac_characters || mac->size() != mac_bytes) {
        return TokenFault::bad_signature;
    }
    const std::string* secret = secret_of(parts->signed_part, *mac);
    if (secret == nullptr) return TokenFault::bad_signature;

    const auto payload = from_base64url(parts->payload);
    if (!payload || !libjwt_accepts(token, *secret)) return TokenFault::malformed;
    return read_claims(*payload, now_unix_seconds, leeway_);
}

bool is_did(std::string_view text) noexcept {
    constexpr std::string_view scheme = "did:";
    if (text.size() > max_did_bytes || text.substr(0, scheme.size()) != scheme) return false;
    const std::size_t colon = text.find(':', scheme.size());
    if (colon == std::string_view::npos) return false;
    const std::string_view method = text.substr(scheme.size(), colon - scheme.size());
    const std::string_view id = text.substr(colon + 1);
    const auto digit_or_lower = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    };
    const auto id_character = [digit_or_lower](char c) {
        return digit_or_lower(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-' ||
               c == ':' || c == '%';
    };
    return !method.empty() && !id.empty() && id.back() != ':' && id.back() != '%' &&
           std::all_of(method.begin(), method.end(), digit_or_lower) &&
           std::all_of(id.begin(), id.end(), id_character);
}

void throw_exception_from_error(TokenFault fault, const boost::source_location&) {
    throw std::runtime_error("access token refused: " + std::string(to_string(fault)));
}

}  // namespace subcults::auth
