#include "auth/livekit_token.hpp"

#include "base/json_writer.hpp"

#include <stdexcept>

namespace subcults::auth {
namespace {

constexpr std::int64_t call_token_seconds = 60;

const std::string& require(const std::string& text) {
    if (text.empty()) throw std::invalid_argument("LiveKit tokens need an API key and a secret");
    return text;
}

void times(JsonWriter& json, std::int64_t from, std::int64_t ttl_seconds) {
    json.field("nbf", from).field("iat", from).field("exp", from + ttl_seconds);
}

}  // namespace

LiveKitSigner::LiveKitSigner(std::string api_key, const Secret& secret)
    : api_key_(std::move(api_key)), mac_(require(secret.reveal())) {
    require(api_key_);
}

std::string LiveKitSigner::join_token(std::string_view room, std::string_view identity,
                                      LiveKitRole role, std::int64_t issued_at,
                                      std::int64_t ttl_seconds, bool own_attributes) {
    const bool host = role == LiveKitRole::host;
    JsonWriter json;
    json.begin_object().field("iss", api_key_).field("sub", identity);
    times(json, issued_at, ttl_seconds);
    json.key("video").begin_object();
    json.field("room", room).field("roomJoin", true);
    json.field("canPublish", host).field("canSubscribe", true).field("canPublishData", false);
    if (host) json.key("canPublishSources").begin_array().value("microphone").end_array();
    json.field("canUpdateOwnMetadata", own_attributes).end_object().end_object();
    return sign(json.take());
}

std::string LiveKitSigner::call_token(LiveKitGrant grant, std::string_view room, std::int64_t now) {
    JsonWriter json;
    json.begin_object().field("iss", api_key_);
    times(json, now, call_token_seconds);
    json.key("video").begin_object();
    switch (grant) {
        case LiveKitGrant::room_create:
            json.field("roomCreate", true);
            break;
        case LiveKitGrant::room_list:
            json.field("roomList", true);
            break;
        case LiveKitGrant::room_admin:
            json.field("roomAdmin", true).field("room", room);
            break;
    }
    json.end_object().end_object();
    return sign(json.take());
}

std::string LiveKitSigner::sign(std::string_view claims) {
    static const std::string header = base64url(R"({"alg":"HS256","typ":"JWT"})");
    std::string token = header;
    token += '.';
    token += base64url(claims);
    const Digest256 mac = mac_(token);
    token += '.';
    token += base64url(as_view(mac));
    return token;
}

}  // namespace subcults::auth
