#include "bench/indexer/ceiling.hpp"

#include "base/time.hpp"
#include "db/columns.hpp"
#include "write/writer_sql.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <tuple>

namespace subcults::bench {
namespace {

using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;

constexpr const char* upsert = "ceiling_records";
constexpr const char* move_cursor = "ceiling_cursor";

constexpr const char* settings =
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off;"
    " SET synchronous_commit = on";
constexpr const char* new_cursor =
    "INSERT INTO jetstream_cursors (consumer, host, dialect, shard)"
    " VALUES ('ceiling', 'localhost', 'v1', 0) ON CONFLICT DO NOTHING";
constexpr const char* cursor_sql =
    "UPDATE jetstream_cursors SET time_us = greatest(time_us, $1::bigint), updated_at = now()"
    " WHERE consumer = 'ceiling' AND host = 'localhost' AND dialect = 'v1' AND shard = 0";

db::Params columns(std::span<const sim::GeneratedEvent* const> rows) {
    using Row = const sim::GeneratedEvent*;
    using Text = std::optional<std::string_view>;
    db::Params params;
    params
        .text_array(
            db::column<std::string_view>(rows, [](Row r) -> std::string_view { return r->did; }))
        .text_array(db::column<std::string_view>(
            rows, [](Row r) -> std::string_view { return r->collection; }))
        .text_array(
            db::column<std::string_view>(rows, [](Row r) -> std::string_view { return r->rkey; }))
        .text_array(
            db::column<std::string_view>(rows, [](Row r) -> std::string_view { return r->rev; }))
        .text_array(db::column<Text>(rows, [](Row r) -> Text { return r->cid; }))
        .jsonb_array(db::column<Text>(rows, [](Row r) -> Text { return r->record; }))
        .int8_array(db::column<std::int64_t>(rows, [](Row r) { return r->time_us; }));
    return params;
}

}  // namespace

std::vector<EncodedBatch> encode(std::span<const sim::GeneratedEvent> events, std::size_t batch) {
    std::vector<EncodedBatch> batches;
    for (std::size_t from = 0; from < events.size(); from += batch) {
        const auto part = events.subspan(from, std::min(batch, events.size() - from));
        std::vector<const sim::GeneratedEvent*> rows;
        rows.reserve(part.size());
        for (const sim::GeneratedEvent& event : part)
            rows.push_back(&event);
        std::sort(rows.begin(), rows.end(), [](const auto* a, const auto* b) {
            return std::tie(a->did, a->collection, a->rkey) <
                   std::tie(b->did, b->collection, b->rkey);
        });
        EncodedBatch encoded;
        encoded.records = columns(rows);
        encoded.rows = part.size();
        encoded.last_time_us = part.back().time_us;
        batches.push_back(std::move(encoded));
    }
    return batches;
}

BareWriter::BareWriter(const std::string& url) : connection_(PQconnectdb(url.c_str()), &PQfinish) {
    PGconn* connection = connection_.get();
    if (PQstatus(connection) != CONNECTION_OK) {
        throw std::runtime_error(PQerrorMessage(connection));
    }
    value(settings);
    value(new_cursor);
    const std::string records(indexer::writer_sql::upsert_records.sql);
    for (const auto& [name, sql] :
         {std::pair{upsert, records.c_str()}, std::pair{move_cursor, cursor_sql}}) {
        const Answer prepared(PQprepare(connection, name, sql, 0, nullptr), &PQclear);
        if (PQresultStatus(prepared.get()) != PGRES_COMMAND_OK) {
            throw std::runtime_error(PQresultErrorMessage(prepared.get()));
        }
    }
}

std::string BareWriter::value(const char* sql) {
    const Answer answer(PQexec(connection_.get(), sql), &PQclear);
    const ExecStatusType status = PQresultStatus(answer.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        throw std::runtime_error(PQresultErrorMessage(answer.get()));
    }
    return PQntuples(answer.get()) == 0 ? std::string() : PQgetvalue(answer.get(), 0, 0);
}

void BareWriter::send(const char* prepared, const db::Params& params) {
    const auto values = params.pointers();
    const auto lengths = params.lengths();
    const auto formats = params.formats();
    if (PQsendQueryPrepared(connection_.get(), prepared, params.size(), values.data(),
                            lengths.data(), formats.data(), 1) != 1) {
        throw std::runtime_error(PQerrorMessage(connection_.get()));
    }
}

// In a pipeline each command's answers end with a null, the mark between transactions does not.
void BareWriter::expect(ExecStatusType status) {
    const Answer answer(PQgetResult(connection_.get()), &PQclear);
    if (PQresultStatus(answer.get()) != status) {
        throw std::runtime_error(std::string("the ceiling's loop failed: ") +
                                 PQresultErrorMessage(answer.get()));
    }
    if (status != PGRES_PIPELINE_SYNC) PQclear(PQgetResult(connection_.get()));
}

void BareWriter::write(const EncodedBatch& batch) {
    PGconn* connection = connection_.get();
    const auto command = [&](const char* sql) {
        if (PQsendQueryParams(connection, sql, 0, nullptr, nullptr, nullptr, nullptr, 0) != 1) {
            throw std::runtime_error(PQerrorMessage(connection));
        }
    };
    db::Params cursor;
    cursor.int8(batch.last_time_us);
    command("BEGIN");
    send(move_cursor, cursor);
    send(upsert, batch.records);
    command("COMMIT");
    if (PQpipelineSync(connection) != 1) throw std::runtime_error(PQerrorMessage(connection));
    for (int i = 0; i < 4; ++i)
        expect(PGRES_COMMAND_OK);
    expect(PGRES_PIPELINE_SYNC);
}

double BareWriter::rows_per_second(std::span<const EncodedBatch> batches) {
    if (PQenterPipelineMode(connection_.get()) != 1) {
        throw std::runtime_error(PQerrorMessage(connection_.get()));
    }
    const std::size_t unmeasured = batches.size() / 20;
    std::size_t rows = 0;
    auto begin = SteadyClock::now();
    for (std::size_t i = 0; i < batches.size(); ++i) {
        if (i == unmeasured) begin = SteadyClock::now();
        write(batches[i]);
        if (i >= unmeasured) rows += batches[i].rows;
    }
    const std::chrono::duration<double> spent = SteadyClock::now() - begin;
    PQexitPipelineMode(connection_.get());
    return static_cast<double>(rows) / spent.count();
}

std::vector<double> BareWriter::single_commits(std::span<const EncodedBatch> single_rows) {
    std::vector<double> times;
    for (const EncodedBatch& row : single_rows) {
        const auto begin = SteadyClock::now();
        send(upsert, row.records);
        expect(PGRES_COMMAND_OK);
        times.push_back(std::chrono::duration<double>(SteadyClock::now() - begin).count());
    }
    return times;
}

}  // namespace subcults::bench
