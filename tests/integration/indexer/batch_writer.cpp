#include "integration/indexer/batch_writer.hpp"

#include "atproto/tid.hpp"
#include "support/asio_test.hpp"
#include "write/writer_sql.hpp"

#include <stdexcept>

namespace subcults::test {

namespace {

db::ConnectionOptions writing(const TestDatabase& database) {
    db::ConnectionOptions options;
    options.uri = database.url();
    options.application_name = "batch_writer";
    options.settings = {{"plan_cache_mode", "force_generic_plan"},
                        {"enable_seqscan", "off"},
                        {"jit", "off"},
                        // Nothing here is about crashes, and thousands of batches are written.
                        {"synchronous_commit", "off"}};
    options.statements.assign(indexer::writer_sql::all.begin(), indexer::writer_sql::all.end());
    return options;
}

[[noreturn]] void refuse(const db::Error& error) {
    throw std::runtime_error("the database refused: " + error.sqlstate + " " + error.message +
                             " in " + std::string(error.statement));
}

indexer::CursorMove cursor_to(const indexer::QueueItem& last) {
    indexer::CursorMove move;
    move.key.consumer = "test";
    move.key.host = "host";
    move.key.dialect = "v1";
    move.key.epoch = 1;
    move.to = last.watermark;
    move.batch_id = uuid_v7();
    return move;
}

const std::vector<std::string> tables{"records",   "accounts",    "hidden_accounts",
                                      "scenes",    "events",      "posts",
                                      "alliances", "memberships", "quarantined_events"};

}  // namespace

std::int64_t stamp(double seconds) {
    return some_time_us + static_cast<std::int64_t>(seconds * 1e6);
}

std::string rev_at(double seconds) {
    atproto::Tid tid;
    tid.micros = stamp(seconds);
    return std::string(atproto::TidText(tid).view());
}

BatchWriter::BatchWriter(const TestDatabase& database)
    : io_(1), connection_(io_.get_executor(), writing(database)) {
    database.execute(
        "INSERT INTO indexer_shards (consumer, shard, epoch, holder, heartbeat_at)"
        " VALUES ('test', 0, 1, 'test', now()) ON CONFLICT DO NOTHING");
    const auto connected = run_on(io_, connection_.connect());
    if (!connected) refuse(connected.error());
}

Written BatchWriter::write(std::span<const indexer::QueueItem> items) {
    const indexer::FoldedBatch batch = indexer::fold(items, projector_);
    return run(batch, indexer::make_pipeline(batch, cursor_to(items.back())));
}

Written BatchWriter::retry(std::span<const indexer::QueueItem> items,
                           std::vector<Digest256> resolved) {
    indexer::FoldedBatch batch = indexer::fold(items, projector_);
    batch.resolved = std::move(resolved);
    const auto begun =
        run_on(io_, connection_.execute("BEGIN", deadline_in(std::chrono::seconds(5))));
    if (!begun) refuse(begun.error());
    return run(batch, indexer::make_retry_pipeline(batch, "test"));
}

Written BatchWriter::run(const indexer::FoldedBatch& batch, indexer::BatchPipeline made) {
    const auto result = run_on(io_, connection_.run("batch", std::move(made.pipeline),
                                                    deadline_in(std::chrono::seconds(20))));
    if (!result) refuse(result.error());
    if (!result->ok()) {
        const db::Error& error = *result->error;
        (void)run_on(io_, connection_.execute("ROLLBACK", deadline_in(std::chrono::seconds(5))));
        refuse(error);
    }
    Written written;
    written.upserts = indexer::affected(result->rows, made.records_steps);
    written.marks = indexer::affected(result->rows, made.trust_steps);
    written.quarantined = batch.quarantine.size();
    written.events = batch.events;
    return written;
}

std::string content(const TestDatabase& database) {
    std::string all;
    for (const std::string& table : tables) {
        const std::string clocks =
            table == "hidden_accounts"
                ? "'{since}'"
                : "'{indexed_at,updated_at,deleted_at,first_seen,last_seen,seen}'";
        const std::string gone =
            table == "accounts" || table == "hidden_accounts" || table == "quarantined_events"
                ? "false"
                : "deleted_at IS NOT NULL";
        all += table + ":\n" +
               database.execute(
                   "SELECT coalesce(string_agg(x, E'\\n' ORDER BY x), '') FROM (SELECT"
                   " ((to_jsonb(t) - " +
                   clocks + "::text[]) || jsonb_build_object('gone', " + gone +
                   "))::text COLLATE \"C\" AS x FROM " + table + " t) s") +
               "\n";
    }
    return all;
}

std::string versions(const TestDatabase& database) {
    std::string all;
    for (const std::string& table : tables) {
        if (table == "quarantined_events") continue;
        all += database.execute(
                   "SELECT coalesce(md5(string_agg(x, '|' ORDER BY x)), '') FROM"
                   " (SELECT t::text || xmin::text COLLATE \"C\" AS x FROM " +
                   table + " t) s") +
               "\n";
    }
    return all + database.execute(
                     "SELECT coalesce(string_agg(scene_id || ':' || generation, ','"
                     " ORDER BY scene_id), '') FROM trust_dirty");
}

}  // namespace subcults::test
