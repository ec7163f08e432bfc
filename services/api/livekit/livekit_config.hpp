// The variables about LiveKit: address, key and secret come together or not at all.
#pragma once

#include "base/config.hpp"
#include "net/ws_client.hpp"

#include <optional>
#include <string>

namespace subcults::api::livekit {

struct LiveKitConfig {
    std::string url;
    std::string api_key;
    Secret api_secret;
    std::int64_t token_ttl_seconds = 600;
    std::int64_t empty_grace_seconds = 300;
    std::int64_t reconcile_seconds = 20;

    bool configured() const noexcept { return !url.empty(); }
};

void add_livekit_variables(ConfigTable& table, LiveKitConfig& config);

// After loading: a message for the operator when only some of the three are set; empty = fine.
std::string livekit_mistake(const LiveKitConfig& config);

// The address for clients: ws:// or wss://, whichever way it was written.
std::string client_url(const net::WsUrl& url);

}  // namespace subcults::api::livekit
