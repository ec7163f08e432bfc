#include "write/batch_pipeline.hpp"

#include "atproto/tid.hpp"
#include "base/crypto.hpp"
#include "db/columns.hpp"
#include "write/typed_pipeline.hpp"
#include "write/writer_sql.hpp"

namespace subcults::indexer {
namespace {

using OptionalView = std::optional<std::string_view>;

using db::column;

void add_cursor(db::Pipeline& pipeline, const CursorMove& move) {
    db::Params params;
    params.text(move.key.consumer).text(move.key.host).text(move.key.dialect).int4(move.key.shard);
    move.to.time_us ? params.int8(*move.to.time_us) : params.null();
    move.to.seq ? params.int8(*move.to.seq) : params.null();
    params.uuid(move.batch_id).int8(move.key.epoch);
    pipeline.add(writer_sql::move_cursor, std::move(params));
}

void add_writers(db::Pipeline& pipeline, const FoldedBatch& batch) {
    using Entry = std::pair<const std::string_view, std::int64_t>;
    db::Params params;
    params
        .text_array(column<std::string_view>(batch.writers, [](const Entry& e) { return e.first; }))
        .int8_array(column<std::int64_t>(batch.writers, [](const Entry& e) { return e.second; }));
    pipeline.add(writer_sql::know_accounts, std::move(params));
}

void add_records(db::Pipeline& pipeline, const RecordRows& rows) {
    using Entry = std::pair<const RecordKey, RecordRow>;
    db::Params params;
    params
        .text_array(
            column<std::string_view>(rows, [](const Entry& e) { return std::get<0>(e.first); }))
        .text_array(
            column<std::string_view>(rows, [](const Entry& e) { return std::get<1>(e.first); }))
        .text_array(
            column<std::string_view>(rows, [](const Entry& e) { return std::get<2>(e.first); }))
        .text_array(column<std::string_view>(rows, [](const Entry& e) { return e.second.rev; }))
        .text_array(column<OptionalView>(rows, [](const Entry& e) { return e.second.cid; }))
        .jsonb_array(column<OptionalView>(rows, [](const Entry& e) { return e.second.record; }))
        .int8_array(column<std::int64_t>(rows, [](const Entry& e) { return e.second.time_us; }));
    pipeline.add(writer_sql::upsert_records, std::move(params));
}

void add_rows(BatchPipeline& made, const RecordRows& rows, bool retry) {
    if (rows.empty()) return;
    made.records_steps.push_back(made.pipeline.size());
    add_records(made.pipeline, rows);
    add_typed_rows(made.pipeline, rows, retry, made.trust_steps);
}

// Takes away what lies below the accounts' purge floors: see purge_records.
void add_purge(BatchPipeline& made, std::span<const std::string_view> dids) {
    const auto purge = [&](const db::Statement& statement) {
        db::Params params;
        params.text_array(dids);
        made.pipeline.add(statement, std::move(params));
    };
    const auto purge_marking = [&](const db::Statement& statement) {
        made.trust_steps.push_back(made.pipeline.size());
        purge(statement);
    };
    purge(writer_sql::purge_records);
    purge_marking(writer_sql::purge_scenes);
    purge(writer_sql::purge_events);
    purge(writer_sql::purge_posts);
    purge_marking(writer_sql::purge_alliances);
    purge_marking(writer_sql::purge_memberships);
}

void add_deletions(BatchPipeline& made, const FoldedBatch& batch) {
    using Entry = std::pair<const std::string_view, AccountTime>;
    const auto& purges = batch.purges;
    const auto dids = column<std::string_view>(purges, [](const Entry& e) { return e.first; });
    const auto times =
        column<std::int64_t>(purges, [](const Entry& e) { return e.second.time_us; });
    // The highest revision that can have been made by then.
    const auto revs = column<atproto::TidText>(purges, [](const Entry& e) {
        atproto::Tid latest;
        latest.micros = e.second.time_us;
        latest.clock_id = 1023;
        return atproto::TidText(latest);
    });
    db::Params floor;
    floor.text_array(std::span<const std::string_view>(dids))
        .int8_array(column<std::int64_t>(purges, [](const Entry& e) { return e.second.seq; }))
        .int8_array(times)
        .text_array(
            column<std::string_view>(revs, [](const atproto::TidText& t) { return t.view(); }));
    made.pipeline.add(writer_sql::raise_purge_floor, std::move(floor));
    add_purge(made, dids);

    db::Params quarantine;
    quarantine.text_array(std::span<const std::string_view>(dids)).int8_array(times);
    made.pipeline.add(writer_sql::purge_quarantine, std::move(quarantine));
}

void add_handles(db::Pipeline& pipeline, const FoldedBatch& batch) {
    using Entry = std::pair<const std::string_view, HandleRow>;
    const auto& rows = batch.handles;
    db::Params params;
    params.text_array(column<std::string_view>(rows, [](const Entry& e) { return e.first; }))
        .text_array(column<OptionalView>(rows, [](const Entry& e) { return e.second.handle; }))
        .int8_array(column<std::int64_t>(rows, [](const Entry& e) { return e.second.seq; }))
        .int8_array(column<std::int64_t>(rows, [](const Entry& e) { return e.second.time_us; }));
    pipeline.add(writer_sql::update_handles, std::move(params));
}

void add_accounts(BatchPipeline& made, const FoldedBatch& batch) {
    using Entry = std::pair<const std::string_view, AccountRow>;
    const auto& rows = batch.accounts;
    const db::BooleanColumn active(rows, [](const Entry& e) { return e.second.active; });
    db::Params params;
    params.text_array(column<std::string_view>(rows, [](const Entry& e) { return e.first; }))
        .boolean_array(active.span())
        .text_array(column<OptionalView>(rows, [](const Entry& e) { return e.second.status; }))
        .int8_array(column<std::int64_t>(rows, [](const Entry& e) { return e.second.seq; }))
        .int8_array(column<std::int64_t>(rows, [](const Entry& e) { return e.second.time_us; }));
    made.trust_steps.push_back(made.pipeline.size());
    made.pipeline.add(writer_sql::update_accounts, std::move(params));
}

// Those whose account is deleted later in the batch, or all others.
void add_quarantine(db::Pipeline& pipeline, const FoldedBatch& batch, bool before_purge,
                    std::string_view consumer) {
    std::vector<const QuarantineRow*> rows;
    for (const QuarantineRow& row : batch.quarantine) {
        if (row.before_purge == before_purge) rows.push_back(&row);
    }
    if (rows.empty()) return;
    using Row = const QuarantineRow*;
    const auto text = [&](std::string QuarantineRow::*field) {
        return column<std::string_view>(rows,
                                        [&](Row row) { return std::string_view(row->*field); });
    };
    const auto text_or_null = [&](std::string QuarantineRow::*field) {
        return column<OptionalView>(rows, [&](Row row) -> OptionalView {
            if ((row->*field).empty()) return std::nullopt;
            return std::string_view(row->*field);
        });
    };
    db::Params params;
    params.text(consumer)
        .bytea_array(
            column<std::string_view>(rows, [](Row row) { return as_view(row->fingerprint); }))
        .text_array(text_or_null(&QuarantineRow::did))
        .text_array(text_or_null(&QuarantineRow::collection))
        .text_array(text_or_null(&QuarantineRow::rkey))
        .text_array(text_or_null(&QuarantineRow::rev))
        .int8_array(column<std::int64_t>(rows, [](Row row) { return row->time_us; }))
        .text_array(column<std::string_view>(rows, [](Row row) { return row->reason; }))
        .text_array(text(&QuarantineRow::path))
        .text_array(text(&QuarantineRow::detail))
        .bytea_array(text_or_null(&QuarantineRow::raw))
        .int8_array(column<std::int64_t>(
            rows, [](Row row) { return static_cast<std::int64_t>(row->raw_bytes); }));
    pipeline.add(writer_sql::quarantine, std::move(params));
}

void add_resolved(db::Pipeline& pipeline, const FoldedBatch& batch) {
    db::Params params;
    params.bytea_array(column<std::string_view>(
        batch.resolved, [](const Digest256& digest) { return as_view(digest); }));
    pipeline.add(writer_sql::resolve_quarantine, std::move(params));
}

// A frame may have waited in quarantine while its account was deleted: then what it brings is taken
// away again at once.
void add_purge_of_writers(BatchPipeline& made, const FoldedBatch& batch) {
    using Entry = std::pair<const std::string_view, std::int64_t>;
    const auto dids =
        column<std::string_view>(batch.writers, [](const Entry& e) { return e.first; });
    add_purge(made, dids);
}

// Everything but the brackets of the transaction and the cursor.
void add_batch(BatchPipeline& made, const FoldedBatch& batch, std::string_view consumer,
               bool retry) {
    db::Pipeline& pipeline = made.pipeline;
    if (!batch.writers.empty()) add_writers(pipeline, batch);
    add_rows(made, batch.doomed, retry);
    add_quarantine(pipeline, batch, true, consumer);
    if (!batch.purges.empty()) add_deletions(made, batch);
    add_rows(made, batch.records, retry);
    if (retry && !batch.writers.empty()) add_purge_of_writers(made, batch);
    if (!batch.handles.empty()) add_handles(pipeline, batch);
    if (!batch.accounts.empty()) add_accounts(made, batch);
    if (!batch.resolved.empty()) add_resolved(pipeline, batch);
    add_quarantine(pipeline, batch, false, consumer);
}

}  // namespace

BatchPipeline make_pipeline(const FoldedBatch& batch, const CursorMove& move) {
    BatchPipeline made;
    made.pipeline.command("BEGIN");
    add_cursor(made.pipeline, move);
    add_batch(made, batch, move.key.consumer, false);
    made.pipeline.command("COMMIT");
    return made;
}

BatchPipeline make_retry_pipeline(const FoldedBatch& batch, std::string_view consumer) {
    BatchPipeline made;
    add_batch(made, batch, consumer, true);
    made.pipeline.command("COMMIT");
    return made;
}

std::int64_t affected(std::span<const db::Rows> answers, std::span<const std::size_t> steps) {
    std::int64_t sum = 0;
    for (const std::size_t step : steps)
        sum += answers[step].affected();
    return sum;
}

}  // namespace subcults::indexer
