// How a batch of a backfill is committed: behind the job's fence, beside no batch of a live writer,
// together with the position that it brings the order to.
#include "backfill/backfill.hpp"
#include "backfill/backfill_sql.hpp"
#include "base/crash_point.hpp"
#include "project/fold.hpp"
#include "write/batch_pipeline.hpp"
#include "write/writer_sql.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace subcults::indexer {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds statement_limit{15};
constexpr std::chrono::milliseconds longest_pause{1000};
constexpr std::chrono::minutes prune_every{1};
// More than this in one run is no matter of single events.
constexpr int most_refusals = 100;

db::Params advance_params(const BackfillOrder& order, std::optional<std::int64_t> position,
                          std::size_t events, std::size_t set_aside, bool writes_records) {
    db::Params params;
    params.int8(order.id);
    order.host ? params.text(*order.host) : params.null();
    position ? params.int8(*position) : params.null();
    order.oldest_us ? params.int8(*order.oldest_us) : params.null();
    params.int8(static_cast<std::int64_t>(events))
        .int8(order.rows_changed)
        .int8(static_cast<std::int64_t>(set_aside))
        .float8(order.missing_seconds)
        .boolean(writes_records);
    return params;
}

// What was waiting for this commit is in the row now.
void noted(BackfillOrder& order, std::optional<std::int64_t> position, std::size_t events) {
    order.stored_position = position;
    order.oldest_us.reset();
    order.rows_changed = 0;
    order.missing_seconds = 0;
    order.events_written += static_cast<std::int64_t>(events);
}

// A connection that goes back with its transaction open is replaced by the pool, with a pause: each
// half of a batch that holds a refused event would cost seconds.
asio::awaitable<void> roll_back(db::Connection& connection, Deadline deadline) {
    if (!connection.connected()) co_return;
    auto done = co_await connection.execute("ROLLBACK", deadline);
    static_cast<void>(done);
}

}  // namespace

// False = the run has been told why, or the order was cancelled.
asio::awaitable<bool> Backfill::store(jobs::Run& run, BackfillOrder& order) {
    const auto position = order.window.position();
    order.stored_at = SteadyClock::now();
    if (order.items.empty() && position == order.stored_position) co_return true;
    const std::vector<QueueItem> items = std::exchange(order.items, {});
    order.bytes = 0;
    const auto begun = SteadyClock::now();
    const bool written = co_await write(run, order, items, position);
    if (!written) co_return false;
    // As long again, the live writer has its shards to itself.
    const auto held =
        std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now() - begun);
    asio::steady_timer pause(io_, std::min(held, longest_pause));
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return true;
}

// Bisects what the database refuses, down to the event at fault.
asio::awaitable<bool> Backfill::write(jobs::Run& run, BackfillOrder& order,
                                      std::span<const QueueItem> items,
                                      std::optional<std::int64_t> position) {
    Attempt result = co_await attempt(run, order, items, position, std::nullopt);
    if (result == Attempt::refused && items.size() > 1) {
        const std::size_t half = items.size() / 2;
        const auto between = items[half - 1].watermark.time_us;
        const bool first = co_await write(run, order, items.first(half), between);
        if (!first) co_return false;
        const bool second = co_await write(run, order, items.subspan(half), position);
        co_return second;
    }
    if (result == Attempt::refused && !items.empty() && ++order.refusals <= most_refusals) {
        const std::optional<std::string_view> reason("rejected_by_database");
        result = co_await attempt(run, order, items, position, reason);
    }
    if (result == Attempt::refused) {
        run.fail(jobs::ErrorType::validation_error, "the database refuses too many events");
    }
    co_return result == Attempt::committed;
}

asio::awaitable<Backfill::Attempt> Backfill::attempt(
    jobs::Run& run, BackfillOrder& order, std::span<const QueueItem> items,
    std::optional<std::int64_t> position, std::optional<std::string_view> quarantine_all) {
    FoldedBatch batch = fold(items, projector_, quarantine_all);
    auto lease = co_await pool_.acquire(run.deadline());
    if (!lease) co_return settle(run, order, lease.error());
    db::Connection& connection = **lease;

    db::Params of_consumer;
    of_consumer.text(options_.consumer);
    db::Pipeline opening;
    run.begin_fenced(opening);
    if (!items.empty()) opening.add(backfill_sql::lock_shards, std::move(of_consumer));
    const bool writes_records = batch.record_rows() > 0;
    opening.add(backfill_sql::advance, advance_params(order, position, items.size(),
                                                      batch.quarantine.size(), writes_records));
    if (items.empty()) opening.command("COMMIT");
    const Deadline deadline = std::min(run.deadline(), deadline_in(statement_limit));
    auto opened = co_await connection.run("backfill_open", std::move(opening), deadline);
    if (!opened) co_return settle(run, order, opened.error());
    if (!opened->ok()) {
        co_await roll_back(connection, deadline);
        co_return settle(run, order, *opened->error);
    }
    if (items.empty()) {
        noted(order, position, 0);
        co_return Attempt::committed;
    }
    crash_point("backfill.opened");

    BatchPipeline made = make_retry_pipeline(batch, options_.consumer);
    auto done = co_await connection.run("backfill_batch", std::move(made.pipeline), deadline);
    if (!done) co_return settle(run, order, done.error());
    if (!done->ok()) {
        co_await roll_back(connection, deadline);
        co_return settle(run, order, *done->error);
    }
    if (done->rows.back().command() != "COMMIT") {
        db::Error error;
        error.kind = db::ErrorKind::protocol;
        error.message = "COMMIT was answered with ROLLBACK";
        co_return settle(run, order, error);
    }
    crash_point("backfill.committed");
    noted(order, position, items.size());
    const std::int64_t now_us = now_micros().value;
    order.window.committed(writes_records ? std::optional(now_us) : std::nullopt);
    order.rows_changed = affected(done->rows, made.records_steps);
    if (!batch.quarantine.empty()) co_await prune(run, connection);
    co_return Attempt::committed;
}

// As the live writer does, which need not set anything aside meanwhile.
asio::awaitable<void> Backfill::prune(jobs::Run& run, db::Connection& connection) {
    const auto now = SteadyClock::now();
    if (pruned_at_ && now - *pruned_at_ < prune_every) co_return;
    pruned_at_ = now;
    db::Params params;
    params.int8(static_cast<std::int64_t>(options_.max_quarantined));
    const Deadline deadline = std::min(run.deadline(), deadline_in(statement_limit));
    auto pruned =
        co_await connection.query(writer_sql::prune_quarantine, std::move(params), deadline);
    if (pruned && pruned->affected() > 0) {
        log_.warn("quarantine is full: the oldest frames were dropped",
                  {{"dropped", pruned->affected()}});
    }
}

// Of a transaction that did not commit, as far as is known; if it did, it is read again, which
// changes nothing.
Backfill::Attempt Backfill::settle(jobs::Run& run, BackfillOrder& order, const db::Error& error) {
    if (error.sqlstate == "22012" && error.statement == backfill_sql::advance.name) {
        log_.info("backfill cancelled", {{"id", order.id}});
        order.cancelled = true;
        return Attempt::stopped;
    }
    if (!jobs::is_fenced_off(error) && error.of_the_data()) return Attempt::refused;
    run.fail(error);
    return Attempt::stopped;
}

asio::awaitable<bool> Backfill::finish(jobs::Run& run, BackfillOrder& order) {
    db::Params which;
    which.int8(order.id);
    db::Pipeline pipeline;
    run.begin_fenced(pipeline);
    pipeline.add(backfill_sql::advance, advance_params(order, order.window.position(), 0, 0, false))
        .add(backfill_sql::complete, std::move(which))
        .command("COMMIT");
    auto lease = co_await pool_.acquire(run.deadline());
    if (!lease) {
        settle(run, order, lease.error());
        co_return false;
    }
    auto done = co_await (*lease)->run("backfill_finish", std::move(pipeline), run.deadline());
    if (!done) {
        settle(run, order, done.error());
        co_return false;
    }
    if (!done->ok()) settle(run, order, *done->error);
    co_return done->ok();
}

}  // namespace subcults::indexer
