#include "config.hpp"

#include "jetstream/decoder.hpp"
#include "jetstream/shard.hpp"
#include "net/ws_client.hpp"
#include "source/dictionary.hpp"

namespace subcults::indexer {
namespace {

std::string check_url(const std::string& url) {
    if (!net::WsUrl::parse(url)) return "'" + url + "' is not a ws:// or wss:// URL";
    if (url.find("/xrpc/") != std::string::npos) {
        return "'" + url + "' is a v2 endpoint; this version reads /subscribe (v1)";
    }
    return {};
}

std::string check_dictionary(const std::string& path) {
    const auto loaded = load_dictionary(path);
    return loaded ? std::string() : loaded.error();
}

std::string check_shard(const std::string& text) {
    if (jetstream::Shard::parse(text)) return {};
    return "expected i/n with 0 <= i < n, for example 0/1";
}

}  // namespace

ConfigTable indexer_table(IndexerConfig& config) {
    ConfigTable table("subcults-indexer", "Jetstream indexer of Subcults.");
    table.text("DATABASE_URL", config.database_url,
               {.required = true, .help = "PostgreSQL, as a libpq URI"});
    table.text("DATABASE_DIRECT_URL", config.database_direct_url,
               {.help = "the same database without a pooler between; unset = DATABASE_URL"});
    table.host_port("INDEXER_LISTEN", config.listen,
                    {.fallback = {"0.0.0.0", 9090}, .help = "address and port; port 0 = any free"});
    table.secret("INTERNAL_AUTH_TOKEN", config.internal_token,
                 {.help = "guards /internal/*; unset = open"});
    table.list("JETSTREAM_URL", config.jetstream_urls,
               {.fallback = {"wss://jetstream2.us-east.bsky.network/subscribe"},
                .help = "servers in order of preference, comma separated",
                .check_each = check_url});
    table.choice(
        "JETSTREAM_DIALECT", config.dialect,
        {.fallback = "auto", .choices = {"auto", "v1"}, .help = "wire format of the servers"});
    table.list("JETSTREAM_COLLECTIONS", config.collections,
               {.fallback = {"tv.subcult.*", "app.subcult.*"},
                .help = "collections to index, comma separated: NSIDs, prefix.*, or * for all",
                .check_each = jetstream::CollectionFilter::check});
    table.text("JETSTREAM_ZSTD_DICTIONARY", config.zstd_dictionary,
               {.help = "file with the dictionary of compressed v1 streams; unset = uncompressed",
                .check = check_dictionary});
    table.integer("JETSTREAM_PREFER_AFTER_SECONDS", config.prefer_after_seconds,
                  {.fallback = 300,
                   .min = 1,
                   .max = 86'400,
                   .help = "how long another server is read before the first one is tried again; "
                           "doubles, up to an hour, each time that fails"});
    table.integer("INDEXER_IDLE_SECONDS", config.idle_seconds,
                  {.fallback = 90,
                   .min = 5,
                   .max = 3600,
                   .help = "a connection silent for so long, pings included, is dead; pings of our "
                           "own go out at half of it"});
    table.text("INDEXER_SHARD", config.shard,
               {.fallback = "0/1",
                .help = "i/n: this process is for the i-th (from 0) of n parts of the accounts",
                .check = check_shard});
    table.integer(
        "INDEXER_QUEUE_EVENTS", config.queue_events,
        {.fallback = 10'000, .min = 2, .max = 10'000'000, .help = "events the queue may hold"});
    table.integer("INDEXER_QUEUE_BYTES", config.queue_bytes,
                  {.fallback = 16 * 1024 * 1024,
                   .min = 64 * 1024,
                   .help = "bytes at which reading stops; it goes on at a quarter of them"});
    table.integer("INDEXER_PAUSE_AT", config.pause_at,
                  {.fallback = 8000, .min = 1, .help = "queued events at which reading stops"});
    table.integer("INDEXER_RESUME_AT", config.resume_at,
                  {.fallback = 2000, .min = 0, .help = "queued events at which it goes on"});
    table.integer(
        "INDEXER_BATCH_EVENTS", config.batch_events,
        {.fallback = 500, .min = 1, .max = 10'000, .help = "events per transaction at most"});
    table.integer("INDEXER_BATCH_MS", config.batch_ms,
                  {.fallback = 0,
                   .min = 0,
                   .max = 10'000,
                   .help = "how long to wait for a batch to fill; 0 = write what is there, as the "
                           "transaction in flight makes the next batch larger anyway"});
    // Two silences, one after the other, fit into one run of the job: BackfillOptions::slice.
    table.integer("INDEXER_BACKFILL_QUIET_SECONDS", config.backfill_quiet_seconds,
                  {.fallback = 20,
                   .min = 1,
                   .max = 20,
                   .help = "a server that has been silent for so long, and again when asked anew, "
                           "has nothing more for a backfill"});
    table.integer("SHUTDOWN_GRACE_SECONDS", config.shutdown_grace_seconds,
                  {.fallback = 15,
                   .min = 0,
                   .max = 600,
                   .help = "how long writing what is queued may take after SIGTERM"});
    table.choice("LOG_LEVEL", config.log_level,
                 {.fallback = "info",
                  .choices = {"trace", "debug", "info", "warn", "error", "off"},
                  .help = "least severe level that is written"});
    return table;
}

std::vector<ConfigError> check_relations(const IndexerConfig& config) {
    std::vector<ConfigError> errors;
    if (config.resume_at >= config.pause_at) {
        errors.push_back({"INDEXER_RESUME_AT", "must be below INDEXER_PAUSE_AT"});
    }
    if (config.pause_at > config.queue_events) {
        errors.push_back({"INDEXER_PAUSE_AT", "must not exceed INDEXER_QUEUE_EVENTS"});
    }
    return errors;
}

}  // namespace subcults::indexer
