// Tokens for LiveKit: what a participant connects with, and what our own calls carry.
//
// JSON Web Tokens, HS256 under the API secret, `iss` = API key. A participant's token names the
// room and the pseudonymous identity and nothing else about the person. Every permission is spelled
// out, because LiveKit reads an absent one as granted.
//
// Not thread-safe (the signer holds a MAC context): one per thread. Times are Unix seconds.
// Cost: about 5 µs per token. Throws std::invalid_argument for an empty key or secret.
#pragma once

#include "base/config.hpp"
#include "base/crypto.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace subcults::auth {

enum class LiveKitRole {
    listener,  // hears, and sends nothing: neither media nor data
    host,      // hears, and publishes a microphone
};

// What one call to RoomService needs. Exactly one of these per call.
enum class LiveKitGrant {
    room_create,  // CreateRoom, DeleteRoom
    room_list,    // ListRooms
    room_admin,   // everything about one room and its participants
};

class LiveKitSigner {
  public:
    LiveKitSigner(std::string api_key, const Secret& secret);

    // Lets `identity` connect to `room` from `issued_at` on for `ttl_seconds`. With
    // `own_attributes` it may set its attributes there, which includes its name and metadata.
    std::string join_token(std::string_view room, std::string_view identity, LiveKitRole role,
                           std::int64_t issued_at, std::int64_t ttl_seconds,
                           bool own_attributes = false);

    // For one call of ours, valid for a minute. `room` is used by room_admin only.
    std::string call_token(LiveKitGrant grant, std::string_view room, std::int64_t now);

  private:
    std::string sign(std::string_view claims);

    std::string api_key_;
    HmacSha256 mac_;
};

}  // namespace subcults::auth
