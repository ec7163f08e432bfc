#include "write/batch_pipeline.hpp"

#include "base/crypto.hpp"
#include "base/json_writer.hpp"
#include "db/columns.hpp"
#include "write/writer_sql.hpp"

namespace subcults::indexer {
namespace {

using OptionalView = std::optional<std::string_view>;

using db::column;

OptionalView view(const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    return std::string_view(*text);
}

void add_cursor(db::Pipeline& pipeline, const CursorMove& move) {
    db::Params params;
    params.text(move.key.consumer).text(move.key.host).text(move.key.dialect).int4(move.key.shard);
    move.to.time_us ? params.int8(*move.to.time_us) : params.null();
    move.to.seq ? params.int8(*move.to.seq) : params.null();
    params.uuid(move.batch_id).int8(move.key.epoch);
    pipeline.add(writer_sql::move_cursor, std::move(params));
}

void add_purges(db::Pipeline& pipeline, const FoldedBatch& batch) {
    for (const auto& statement :
         {writer_sql::purge_records, writer_sql::purge_scenes, writer_sql::purge_quarantine}) {
        db::Params params;
        params.text_array(std::span<const std::string_view>(batch.purged));
        pipeline.add(statement, std::move(params));
    }
}

void add_records(db::Pipeline& pipeline, const FoldedBatch& batch) {
    using Entry = std::pair<const RecordKey, RecordRow>;
    const auto& rows = batch.records;
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

std::string tags_json(const SceneRow& scene) {
    JsonWriter json;
    json.begin_array();
    for (const std::string& tag : scene.tags)
        json.value(tag);
    json.end_array();
    return json.take();
}

void add_scenes(db::Pipeline& pipeline, const std::vector<SceneRow>& rows) {
    using Row = const SceneRow&;
    const auto tags = column<std::string>(rows, tags_json);
    const db::BooleanColumn deleted(rows, [](Row r) { return r.deleted; });
    db::Params params;
    params.uuid_array(column<Uuid>(rows, [](Row r) { return r.id; }))
        .text_array(column<std::string_view>(rows, [](Row r) { return std::string_view(r.uri); }))
        .text_array(
            column<std::string_view>(rows, [](Row r) { return std::string_view(r.owner_did); }))
        .text_array(column<std::string_view>(rows, [](Row r) { return std::string_view(r.rev); }))
        .text_array(column<std::string_view>(rows, [](Row r) { return std::string_view(r.name); }))
        .text_array(column<OptionalView>(rows, [](Row r) { return view(r.description); }))
        .jsonb_array(
            column<OptionalView>(tags, [](const std::string& json) { return OptionalView(json); }))
        .text_array(
            column<std::string_view>(rows, [](Row r) { return std::string_view(r.visibility); }))
        .text_array(column<OptionalView>(rows, [](Row r) { return view(r.coarse_geohash); }))
        .timestamptz_array(
            column<std::optional<UnixMicros>>(rows, [](Row r) { return r.created_at; }))
        .boolean_array(deleted.span());
    pipeline.add(writer_sql::upsert_scenes, std::move(params));
}

void add_accounts(db::Pipeline& pipeline, const FoldedBatch& batch) {
    if (!batch.hidden.empty()) {
        using Entry = std::pair<const std::string_view, std::string_view>;
        db::Params params;
        params
            .text_array(
                column<std::string_view>(batch.hidden, [](const Entry& e) { return e.first; }))
            .text_array(
                column<std::string_view>(batch.hidden, [](const Entry& e) { return e.second; }));
        pipeline.add(writer_sql::hide_accounts, std::move(params));
    }
    if (!batch.shown.empty()) {
        db::Params params;
        params.text_array(std::span<const std::string_view>(batch.shown));
        pipeline.add(writer_sql::show_accounts, std::move(params));
    }
}

void add_quarantine(db::Pipeline& pipeline, const FoldedBatch& batch, std::string_view consumer) {
    using Row = const QuarantineRow&;
    const auto& rows = batch.quarantine;
    const auto prints = column<Digest256>(rows, [](Row r) { return sha256(r.raw); });
    const auto text_or_null = [](std::string_view text) -> OptionalView {
        if (text.empty()) return std::nullopt;
        return text;
    };
    db::Params params;
    params.text(consumer)
        .bytea_array(
            column<std::string_view>(prints, [](const Digest256& d) { return as_view(d); }))
        .text_array(column<OptionalView>(rows, [&](Row r) { return text_or_null(r.did); }))
        .int8_array(column<std::int64_t>(rows, [](Row r) { return r.time_us; }))
        .text_array(column<std::string_view>(rows, [](Row r) { return r.reason; }))
        .text_array(column<std::string_view>(rows, [](Row r) { return std::string_view(r.path); }))
        .text_array(
            column<std::string_view>(rows, [](Row r) { return std::string_view(r.detail); }))
        .bytea_array(column<std::string_view>(rows, [](Row r) { return std::string_view(r.raw); }))
        .int8_array(column<std::int64_t>(
            rows, [](Row r) { return static_cast<std::int64_t>(r.raw_bytes); }));
    pipeline.add(writer_sql::quarantine, std::move(params));
}

}  // namespace

BatchPipeline make_pipeline(const FoldedBatch& batch, const CursorMove& move) {
    BatchPipeline made;
    db::Pipeline& pipeline = made.pipeline;
    pipeline.command("BEGIN");
    add_cursor(pipeline, move);
    if (!batch.purged.empty()) add_purges(pipeline, batch);
    if (!batch.records.empty()) {
        made.records_step = pipeline.size();
        add_records(pipeline, batch);
    }
    if (!batch.scenes.empty()) add_scenes(pipeline, batch.scenes);
    add_accounts(pipeline, batch);
    if (!batch.quarantine.empty()) add_quarantine(pipeline, batch, move.key.consumer);
    pipeline.command("COMMIT");
    return made;
}

}  // namespace subcults::indexer
