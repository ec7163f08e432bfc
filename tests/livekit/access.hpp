// Tokens as LiveKit's server checks and makes them, by another library than the product's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::livekit_stub {

struct Grants {
    std::string identity;
    std::string room;
    bool room_join = false;
    bool room_admin = false;
    bool room_create = false;
    bool room_list = false;
    bool can_publish = true;
    bool can_publish_data = true;
    bool can_subscribe = true;
    bool can_update_own_metadata = false;
    std::vector<std::string> sources;
};

// nullopt = not valid: signature, algorithm, issuer, or time (a minute of leeway).
std::optional<Grants> check_token(const std::string& token, const std::string& api_key,
                                  const std::string& secret, std::int64_t now);

// The Authorization header of a webhook with this body.
std::string sign_webhook(const std::string& body, const std::string& api_key,
                         const std::string& secret, std::int64_t now);

}  // namespace subcults::livekit_stub
