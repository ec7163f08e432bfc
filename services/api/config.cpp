#include "config.hpp"

namespace subcults::api {
namespace {

constexpr std::size_t min_secret_bytes = 32;
constexpr auto npos = std::string::npos;

void add_database(ConfigTable& table, ApiConfig& config) {
    table.text("DATABASE_URL", config.database_url,
               {.required = true, .help = "PostgreSQL, as a libpq URI"});
    table.text("DATABASE_DIRECT_URL", config.database_direct_url,
               {.help = "the same database without a pooler between, for the ledger, leases and "
                        "migrations; unset = DATABASE_URL"});
}

// A key that the list of previous ones cannot hold could never be rotated.
std::string fits_a_list(const std::string& key) {
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    if (key.find(',') == npos && !blank(key.front()) && !blank(key.back())) return {};
    return "must have no comma in it and no blank at either end";
}

void add_privacy_keys(ConfigTable& table, ApiConfig& config) {
    table.secret("PRIVACY_HMAC_KEY", config.privacy_key,
                 {.required = true,
                  .min_bytes = min_secret_bytes,
                  .help = "makes pseudonyms of DIDs and keys the audit chain; it becomes an item "
                          "of the list below, so no comma and no blank at either end",
                  .check = fits_a_list});
    table.secrets("PRIVACY_HMAC_KEYS_PREVIOUS", config.privacy_keys_previous,
                  {.min_bytes = min_secret_bytes,
                   .help = "keys before the current one (and the next one, before a rotation), "
                           "comma separated: sessions and audit entries made with them stay "
                           "readable"});
}

void add_log_level(ConfigTable& table, ApiConfig& config) {
    table.choice("LOG_LEVEL", config.log_level,
                 {.fallback = "info",
                  .choices = {"trace", "debug", "info", "warn", "error", "off"},
                  .help = "least severe level that is written; debug adds a line per request"});
}

}  // namespace

ConfigTable api_table(ApiConfig& config) {
    ConfigTable table("subcults-api", "Streaming API of Subcults.");
    add_database(table, config);
    table.host_port("API_LISTEN", config.listen,
                    {.fallback = {"0.0.0.0", 8080}, .help = "address and port; port 0 = any free"});
    table.secret(
        "JWT_SECRET_CURRENT", config.jwt_current,
        {.required = true, .min_bytes = min_secret_bytes, .help = "key of access tokens (HS256)"});
    table.secret(
        "JWT_SECRET_PREVIOUS", config.jwt_previous,
        {.min_bytes = min_secret_bytes, .help = "key before the last rotation, still accepted"});
    add_privacy_keys(table, config);
    table.secret("INTERNAL_AUTH_TOKEN", config.internal_token,
                 {.help = "guards /internal/* except webhooks, which are signed; unset = open"});
    table.secret("METRICS_AUTH_TOKEN", config.metrics_token,
                 {.help = "guards /metrics (Bearer); unset = open"});
    table.integer("API_THREADS", config.threads,
                  {.fallback = 0, .min = 0, .max = 256, .help = "workers; 0 = one per core"});
    table.integer("API_DATABASE_CONNECTIONS", config.pool_size,
                  {.fallback = 2, .min = 1, .max = 64, .help = "for reads, per worker"});
    table.integer("LEDGER_LANES", config.ledger_lanes,
                  {.fallback = 2,
                   .min = 1,
                   .max = 32,
                   .help = "connections that write sessions; a session always uses the same one"});
    table.integer("SHUTDOWN_GRACE_SECONDS", config.shutdown_grace_seconds,
                  {.fallback = 15,
                   .min = 0,
                   .max = 600,
                   .help = "how long requests in flight may take after SIGTERM"});
    table.integer("SHUTDOWN_DELAY_SECONDS", config.shutdown_delay_seconds,
                  {.fallback = 0,
                   .min = 0,
                   .max = 600,
                   .help = "keeps serving, but not ready, for so long after SIGTERM, until load "
                           "balancers have noticed"});
    table.text("AUDIT_CHECKPOINT_FILE", config.checkpoint_file,
               {.help = "signed checkpoints of the audit chains are appended to it; keep it (or a "
                        "copy) out of reach of the database; unset = only in the log"});
    table.integer("AUDIT_CHECKPOINT_SECONDS", config.checkpoint_seconds,
                  {.fallback = 600,
                   .min = 1,
                   .max = 86'400,
                   .help = "how often a checkpoint is made while chains grow"});
    table.integer("QUALITY_COLLECT_INTERVAL_SECONDS", config.quality_interval_seconds,
                  {.fallback = 30,
                   .min = 0,
                   .max = 3600,
                   .help = "how often audio quality is collected; 0 = only on request"});
    table.integer("QUALITY_RETENTION_DAYS", config.quality_retention_days,
                  {.fallback = 7,
                   .min = 1,
                   .max = 3650,
                   .help = "how long measurements of audio quality are kept"});
    table.flag("QUALITY_ATTRIBUTES", config.quality_attributes,
               {.help = "also take audio quality from the LiveKit attribute aq of participants, in "
                        "rooms of up to 50; lets hosts set their attributes, name and metadata"});
    table.integer("API_CACHE_MAX_AGE_MS", config.cache_max_age_ms,
                  {.fallback = 1000,
                   .min = 0,
                   .max = 60'000,
                   .help = "the oldest state of sessions, scenes and trust that is shown, should "
                           "notifications of a change get lost; 0 = ask the database each time"});
    table.integer("API_CACHE_ENTRIES", config.cache_entries,
                  {.fallback = 4096,
                   .min = 1,
                   .max = 1'000'000,
                   .help = "how many of each kind a worker keeps in memory, some 0.5 kB each"});
    livekit::add_livekit_variables(table, config.livekit);
    table.secret("STRIPE_WEBHOOK_SECRET", config.stripe_webhook_secret,
                 {.help = "signing secret of the webhook endpoint in Stripe's dashboard; unset = "
                          "its webhooks are answered 503"});
    add_edge_variables(table, config.edge);
    add_log_level(table, config);
    return table;
}

ConfigTable migrate_table(ApiConfig& config) {
    ConfigTable table("subcults-api migrate", "Brings the database schema up to date.");
    add_database(table, config);
    add_log_level(table, config);
    return table;
}

ConfigTable token_table(ApiConfig& config) {
    ConfigTable table("subcults-api token", "Makes an access token.");
    table.secret("JWT_SECRET_CURRENT", config.jwt_current,
                 {.required = true, .min_bytes = min_secret_bytes, .help = "the signing key"});
    return table;
}

ConfigTable audit_table(ApiConfig& config, bool database) {
    ConfigTable table("subcults-api audit", "Verifies, exports and erases audit entries.");
    if (database) add_database(table, config);
    add_privacy_keys(table, config);
    return table;
}

std::vector<Secret> privacy_secrets(const ApiConfig& config) {
    std::vector<Secret> secrets{config.privacy_key};
    secrets.insert(secrets.end(), config.privacy_keys_previous.begin(),
                   config.privacy_keys_previous.end());
    return secrets;
}

}  // namespace subcults::api
