// The part of the API's configuration that decides what gets in: limits, origins, proxies,
// timeouts.
#pragma once

#include "base/config.hpp"
#include "http/client_address.hpp"
#include "http/rate_limiter.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace subcults::api {

struct EdgeConfig {
    std::int64_t general_per_minute = 1000;
    std::int64_t general_burst = 0;  // 0 = as many as per minute; likewise below
    std::int64_t joins_per_minute = 10;
    std::int64_t joins_burst = 0;
    std::int64_t leaves_per_minute = 30;
    std::int64_t tokens_per_minute = 30;
    std::int64_t client_errors_per_minute = 60;
    std::int64_t quality_reports_per_minute = 60;
    std::vector<std::string> trusted_proxies;
    std::vector<std::string> cors_origins;
    bool hsts = false;
    std::int64_t max_concurrent_requests = 5000;  // per worker
    std::int64_t shed_lag_ms = 250;
    std::int64_t head_timeout_ms = 10'000;
    std::int64_t body_timeout_ms = 15'000;

    std::array<RateLimit, limit_class_count> limits() const;
    // After a load that found no mistake.
    std::vector<IpBlock> proxy_blocks() const;
};

// Declares the variables. `config` must outlive the table.
void add_edge_variables(ConfigTable& table, EdgeConfig& config);

}  // namespace subcults::api
