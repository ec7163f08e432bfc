// Configuration of the API: the environment variables of the contract, in one table.
#pragma once

#include "base/config.hpp"
#include "http/edge_config.hpp"
#include "livekit/livekit_config.hpp"

#include <string>
#include <vector>

namespace subcults::api {

struct ApiConfig {
    std::string database_url;
    std::string database_direct_url;  // never empty after load: falls back to database_url
    HostPort listen;
    Secret jwt_current;
    Secret jwt_previous;
    Secret privacy_key;
    std::vector<Secret> privacy_keys_previous;
    Secret internal_token;
    Secret metrics_token;
    std::int64_t threads = 0;  // 0 = one per core
    std::int64_t pool_size = 2;
    std::int64_t ledger_lanes = 2;
    std::int64_t shutdown_grace_seconds = 15;
    std::int64_t shutdown_delay_seconds = 0;
    livekit::LiveKitConfig livekit;
    Secret stripe_webhook_secret;  // empty = webhooks of Stripe are answered 503
    std::string checkpoint_file;   // empty = none
    std::int64_t checkpoint_seconds = 600;
    std::int64_t quality_interval_seconds = 30;
    std::int64_t quality_retention_days = 7;
    bool quality_attributes = false;
    std::int64_t cache_max_age_ms = 1000;
    std::int64_t cache_entries = 4096;
    std::string log_level;
    EdgeConfig edge;
};

// What `serve` needs. The table binds to `config`, which must outlive it.
ConfigTable api_table(ApiConfig& config);
// What `migrate` and `token` need.
ConfigTable migrate_table(ApiConfig& config);
ConfigTable token_table(ApiConfig& config);
// What `audit` needs; without the database where only a file is looked at.
ConfigTable audit_table(ApiConfig& config, bool database);

// The privacy keys, the current one first.
std::vector<Secret> privacy_secrets(const ApiConfig& config);

}  // namespace subcults::api
