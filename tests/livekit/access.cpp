#include "livekit/access.hpp"

#include <jwt.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <rapidjson/document.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace subcults::livekit_stub {

namespace {

struct FreeToken {
    void operator()(jwt_t* token) const { jwt_free(token); }
};
struct FreeText {
    void operator()(char* text) const { std::free(text); }
};
using Token = std::unique_ptr<jwt_t, FreeToken>;
using Text = std::unique_ptr<char, FreeText>;

const unsigned char* bytes(const std::string& text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string string_of(const char* text) {
    return text != nullptr ? std::string(text) : std::string();
}

bool flag(const rapidjson::Value& grant, const char* name, bool fallback) {
    const auto found = grant.FindMember(name);
    if (found == grant.MemberEnd() || !found->value.IsBool()) return fallback;
    return found->value.GetBool();
}

std::string digest_base64(const std::string& body) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(bytes(body), body.size(), digest.data());
    std::array<unsigned char, 64> text{};
    const int length = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest.size()));
    return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(length)};
}

}  // namespace

std::optional<Grants> check_token(const std::string& token, const std::string& api_key,
                                  const std::string& secret, std::int64_t now) {
    constexpr std::int64_t leeway = 60;
    jwt_t* decoded = nullptr;
    if (jwt_decode(&decoded, token.c_str(), bytes(secret), static_cast<int>(secret.size())) != 0) {
        return std::nullopt;
    }
    const Token owned(decoded);
    if (jwt_get_alg(decoded) != JWT_ALG_HS256) return std::nullopt;
    if (string_of(jwt_get_grant(decoded, "iss")) != api_key) return std::nullopt;
    const long expires = jwt_get_grant_int(decoded, "exp");
    const long from = jwt_get_grant_int(decoded, "nbf");
    if (expires == 0 || now > expires + leeway || now + leeway < from) return std::nullopt;

    Grants grants;
    grants.identity = string_of(jwt_get_grant(decoded, "sub"));
    const Text video(jwt_get_grants_json(decoded, "video"));
    if (!video) return grants;
    rapidjson::Document json;
    json.Parse(video.get());
    if (json.HasParseError() || !json.IsObject()) return std::nullopt;
    if (json.HasMember("room")) grants.room = json["room"].GetString();
    grants.room_join = flag(json, "roomJoin", false);
    grants.room_admin = flag(json, "roomAdmin", false);
    grants.room_create = flag(json, "roomCreate", false);
    grants.room_list = flag(json, "roomList", false);
    grants.can_publish = flag(json, "canPublish", true);
    grants.can_publish_data = flag(json, "canPublishData", grants.can_publish);
    grants.can_subscribe = flag(json, "canSubscribe", true);
    grants.can_update_own_metadata = flag(json, "canUpdateOwnMetadata", false);
    if (json.HasMember("canPublishSources")) {
        for (const auto& source : json["canPublishSources"].GetArray())
            grants.sources.emplace_back(source.GetString());
    }
    return grants;
}

std::string sign_webhook(const std::string& body, const std::string& api_key,
                         const std::string& secret, std::int64_t now) {
    jwt_t* made = nullptr;
    if (jwt_new(&made) != 0) throw std::bad_alloc();
    const Token token(made);
    jwt_add_grant(made, "iss", api_key.c_str());
    jwt_add_grant_int(made, "nbf", now);
    jwt_add_grant_int(made, "iat", now);
    jwt_add_grant_int(made, "exp", now + 300);
    jwt_add_grant(made, "sha256", digest_base64(body).c_str());
    jwt_set_alg(made, JWT_ALG_HS256, bytes(secret), static_cast<int>(secret.size()));
    const Text text(jwt_encode_str(made));
    if (!text) throw std::runtime_error("a webhook could not be signed");
    return text.get();
}

}  // namespace subcults::livekit_stub
