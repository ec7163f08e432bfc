#include "http/edge_config.hpp"

#include "http/cors.hpp"

namespace subcults::api {
namespace {

constexpr std::int64_t most_requests = 1'000'000;

std::string check_block(const std::string& text) {
    if (IpBlock::parse(text)) return {};
    return "must be addresses or blocks such as 10.0.0.0/8 or fd00::/8";
}

}  // namespace

std::array<RateLimit, limit_class_count> EdgeConfig::limits() const {
    std::array<RateLimit, limit_class_count> limits{};
    const auto set = [&](LimitClass limit_class, std::int64_t per_minute, std::int64_t burst) {
        limits[static_cast<std::size_t>(limit_class)] = RateLimit{per_minute, burst};
    };
    set(LimitClass::general, general_per_minute, general_burst);
    set(LimitClass::joins, joins_per_minute, joins_burst);
    set(LimitClass::leaves, leaves_per_minute, 0);
    set(LimitClass::tokens, tokens_per_minute, 0);
    set(LimitClass::client_errors, client_errors_per_minute, 0);
    set(LimitClass::quality_reports, quality_reports_per_minute, 0);
    return limits;
}

std::vector<IpBlock> EdgeConfig::proxy_blocks() const {
    std::vector<IpBlock> blocks;
    for (const std::string& text : trusted_proxies)
        blocks.push_back(IpBlock::parse(text).value());
    return blocks;
}

void add_edge_variables(ConfigTable& table, EdgeConfig& config) {
    table.integer("API_RATE_LIMIT_PER_MINUTE", config.general_per_minute,
                  {.fallback = 1000,
                   .min = 0,
                   .max = most_requests,
                   .help = "requests per client address (IPv6: per /64) and replica; 0 = off"});
    table.integer("API_RATE_LIMIT_BURST", config.general_burst,
                  {.fallback = 0,
                   .min = 0,
                   .max = most_requests,
                   .help = "how many of them at once; 0 = a minute's worth"});
    table.integer("API_RATE_LIMIT_JOINS_PER_MINUTE", config.joins_per_minute,
                  {.fallback = 10,
                   .min = 0,
                   .max = most_requests,
                   .help = "joins of streams per user and replica; 0 = off"});
    table.integer("API_RATE_LIMIT_JOINS_BURST", config.joins_burst,
                  {.fallback = 0,
                   .min = 0,
                   .max = most_requests,
                   .help = "how many of them at once; 0 = a minute's worth"});
    table.integer("API_RATE_LIMIT_LEAVES_PER_MINUTE", config.leaves_per_minute,
                  {.fallback = 30,
                   .min = 0,
                   .max = most_requests,
                   .help = "leaves of streams per user and replica; 0 = off"});
    table.integer("API_RATE_LIMIT_TOKENS_PER_MINUTE", config.tokens_per_minute,
                  {.fallback = 30,
                   .min = 0,
                   .max = most_requests,
                   .help = "LiveKit tokens per user and replica; 0 = off"});
    table.integer("API_RATE_LIMIT_CLIENT_ERRORS_PER_MINUTE", config.client_errors_per_minute,
                  {.fallback = 60,
                   .min = 0,
                   .max = most_requests,
                   .help = "requests to report client errors, per user and replica; 0 = off"});
    table.integer("API_RATE_LIMIT_QUALITY_PER_MINUTE", config.quality_reports_per_minute,
                  {.fallback = 60,
                   .min = 0,
                   .max = most_requests,
                   .help = "requests to report audio quality, per user and replica; 0 = off"});
    table.list("API_TRUSTED_PROXIES", config.trusted_proxies,
               {.help = "addresses and blocks whose X-Forwarded-For is believed",
                .check_each = check_block});
    table.list("API_CORS_ORIGINS", config.cors_origins,
               {.help = "origins of web pages that may call the API, exactly as browsers send "
                        "them; unset = none",
                .check_each = [](const std::string& text) { return check_origin(text); }});
    table.flag("API_HSTS", config.hsts,
               {.help = "send Strict-Transport-Security; only where all clients come by TLS"});
    table.integer("API_MAX_CONCURRENT_REQUESTS", config.max_concurrent_requests,
                  {.fallback = 5000,
                   .min = 0,
                   .max = most_requests,
                   .help = "per worker; beyond it requests get 503 at once; 0 = any number"});
    table.integer("API_SHED_LAG_MS", config.shed_lag_ms,
                  {.fallback = 250,
                   .min = 0,
                   .max = 60'000,
                   .help = "how late a worker's loop may run before it refuses requests with 503; "
                           "0 = never refuse for that"});
    table.integer("API_HEAD_TIMEOUT_MS", config.head_timeout_ms,
                  {.fallback = 10'000,
                   .min = 100,
                   .max = 600'000,
                   .help = "how long the head of a request may take to arrive"});
    table.integer("API_BODY_TIMEOUT_MS", config.body_timeout_ms,
                  {.fallback = 15'000,
                   .min = 100,
                   .max = 600'000,
                   .help = "how long the body of a request may take to arrive"});
}

}  // namespace subcults::api
