#include "livekit/livekit_config.hpp"

namespace subcults::api::livekit {

void add_livekit_variables(ConfigTable& table, LiveKitConfig& config) {
    const auto check_url = [](const std::string& value) -> std::string {
        const auto url = net::WsUrl::parse(value);
        if (!url) return "must be a ws, wss, http or https URL";
        if (url->target.find('?') != std::string::npos) return "must not have a query";
        return {};
    };
    table.text("LIVEKIT_URL", config.url,
               {.help = "LiveKit server, ws(s) or http(s); this and the next two: all or none. "
                        "Without them streams work and tokens answer 503",
                .check = check_url});
    table.text("LIVEKIT_API_KEY", config.api_key, {.help = "LiveKit API key"});
    table.secret("LIVEKIT_API_SECRET", config.api_secret,
                 {.help = "its secret: signs tokens, verifies webhooks"});
    table.integer("LIVEKIT_TOKEN_TTL_SECONDS", config.token_ttl_seconds,
                  {.fallback = 600,
                   .min = 60,
                   .max = 3600,
                   .help = "how long a participant's token can be used to connect"});
    table.integer("STREAM_EMPTY_GRACE_SECONDS", config.empty_grace_seconds,
                  {.fallback = 300,
                   .min = 1,
                   .max = 86'400,
                   .help = "a session whose LiveKit room is gone for so long is ended"});
    table.integer("LIVEKIT_RECONCILE_SECONDS", config.reconcile_seconds,
                  {.fallback = 20,
                   .min = 1,
                   .max = 3600,
                   .help = "how often LiveKit's rooms are compared with the database"});
}

std::string livekit_mistake(const LiveKitConfig& config) {
    const int set = (config.url.empty() ? 0 : 1) + (config.api_key.empty() ? 0 : 1) +
                    (config.api_secret.empty() ? 0 : 1);
    if (set == 0 || set == 3) return {};
    return "LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET must be set together";
}

std::string client_url(const net::WsUrl& url) {
    std::string text = (url.tls ? "wss://" : "ws://") + url.authority();
    if (url.target != "/") text += url.target;
    return text;
}

}  // namespace subcults::api::livekit
