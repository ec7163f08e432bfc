// Configuration of the indexer: the environment variables of the contract, in one table.
#pragma once

#include "base/config.hpp"

namespace subcults::indexer {

struct IndexerConfig {
    std::string database_url;
    std::string database_direct_url;  // never empty after load: falls back to database_url
    HostPort listen;
    Secret internal_token;
    std::vector<std::string> jetstream_urls;
    std::vector<std::string> collections;
    std::string dialect;
    std::string zstd_dictionary;  // path; empty = uncompressed
    std::int64_t prefer_after_seconds = 0;
    std::int64_t idle_seconds = 0;
    std::string shard;  // "i/n", as jetstream::Shard::parse takes it
    std::int64_t pause_at = 0;
    std::int64_t resume_at = 0;
    std::int64_t queue_events = 0;
    std::int64_t queue_bytes = 0;
    std::int64_t batch_events = 0;
    std::int64_t batch_ms = 0;
    std::int64_t backfill_quiet_seconds = 20;
    std::int64_t shutdown_grace_seconds = 0;
    std::string log_level;
};

ConfigTable indexer_table(IndexerConfig& config);

// What no single variable can tell: relations between them.
std::vector<ConfigError> check_relations(const IndexerConfig& config);

}  // namespace subcults::indexer
