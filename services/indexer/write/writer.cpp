#include "write/writer.hpp"

#include "base/crash_point.hpp"
#include "write/lease_sql.hpp"
#include "write/writer_sql.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <iterator>

namespace subcults::indexer {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds statement_limit{30};
constexpr std::chrono::seconds standby_poll{1};
constexpr std::chrono::minutes prune_every{1};

db::ConnectionOptions writing_connection(const WriterOptions& options) {
    db::ConnectionOptions made = options.connection;
    made.application_name = "subcults-indexer writer";
    // Plans are made once and for big tables: one made while a table is empty would scan it.
    made.settings = {{"plan_cache_mode", "force_generic_plan"},
                     {"enable_seqscan", "off"},
                     {"jit", "off"},
                     {"synchronous_commit", "on"},
                     {"statement_timeout", "30s"},
                     {"idle_in_transaction_session_timeout", "10s"},
                     // The lock lies on this connection: a dead link must not hold it for long.
                     {"tcp_keepalives_idle", "5"},
                     {"tcp_keepalives_interval", "2"},
                     {"tcp_keepalives_count", "3"}};
    made.statements.assign(writer_sql::all.begin(), writer_sql::all.end());
    made.statements.insert(made.statements.end(), lease_sql::all.begin(), lease_sql::all.end());
    return made;
}

// Never so long that a standby would take this process for hung.
BackoffPolicy retry_policy() {
    return {std::chrono::milliseconds(100), std::chrono::milliseconds(3000)};
}

}  // namespace

Writer::Writer(asio::io_context& io, WriterOptions options, EventQueue& queue,
               IndexerMetrics& metrics, IndexerState& state, Log& log, WriterHooks hooks)
    : io_(io),
      options_(std::move(options)),
      queue_(queue),
      metrics_(metrics),
      state_(state),
      log_(log),
      hooks_(std::move(hooks)),
      connection_(io.get_executor(), writing_connection(options_)),
      timer_(io),
      work_timer_(io),
      backoff_(retry_policy(),
               static_cast<std::uint64_t>(SteadyClock::now().time_since_epoch().count())),
      lease_(options_.lease, log) {}

Writer::~Writer() = default;

void Writer::start() {
    ended_ = false;
    asio::co_spawn(io_, run(), [this](std::exception_ptr failure) {
        ended_ = true;
        state_.phase = WriterPhase::stopped;
        if (failure) {
            try {
                std::rethrow_exception(failure);
            } catch (const std::exception& error) {
                log_.error("the writer ended", {{"what", error.what()}});
            }
        }
        if (on_stopped_) std::exchange(on_stopped_, nullptr)();
    });
}

void Writer::stop(Deadline deadline, std::function<void()> done) {
    asio::post(io_, [this, deadline, done = std::move(done)]() mutable {
        stopping_ = true;
        stop_deadline_ = deadline;
        if (ended_) {
            done();
            return;
        }
        on_stopped_ = std::move(done);
        timer_.cancel();
        work_timer_.cancel();
    });
}

void Writer::wake() {
    asio::post(io_, [this] { work_timer_.cancel(); });
}

asio::awaitable<void> Writer::pause(std::chrono::milliseconds delay) {
    timer_.expires_after(delay);
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
}

// Something failed that may be over soon. The lease is kept meanwhile, if there is a connection.
asio::awaitable<void> Writer::back_off() {
    if (state_.phase == WriterPhase::active) state_.phase = WriterPhase::retrying;
    crash_point("writer.backing_off");
    const auto delay = backoff_.next();
    co_await pause(delay);
    if (connection_.connected()) co_await keep_lease();
}

asio::awaitable<void> Writer::run() {
    while (!out_of_time() && !refused_) {
        state_.writer_turn_us = now_micros().value;
        if (!connection_.connected()) {
            const Hold hold = co_await acquire();
            if (hold == Hold::none) {
                if (stopping_) break;
                co_await pause(standby_poll);
                continue;
            }
            if (hold == Hold::unavailable) {
                if (stopping_ && !reading_) break;
                co_await back_off();
                continue;
            }
        }
        std::vector<QueueItem> items = take();
        if (items.empty()) {
            if (stopping_) break;
            co_await idle();
            continue;
        }
        state_.in_flight_us = items.front().time_us();
        if (options_.batch_wait.count() > 0 && items.size() < options_.batch_events && !stopping_) {
            co_await fill_up(items);
        }
        crash_point("writer.batch_taken");
        co_await write_until_committed(items);
        state_.in_flight_us = 0;
    }
    metrics_.index_processing.running(false);
    connection_.close();
}

std::vector<QueueItem> Writer::take() {
    if (next_.empty()) return queue_.take(options_.batch_events, options_.batch_bytes);
    std::vector<QueueItem> items;
    items.swap(next_);
    return items;
}

// Runs while the database is at work. Only a full batch is taken ahead of its turn: a smaller one
// would miss what arrives until the transaction in flight is through.
void Writer::prepare_next() {
    if (!next_.empty() || stopping_ || queue_.size() < options_.batch_events) return;
    next_ = queue_.take(options_.batch_events, options_.batch_bytes);
    if (!next_.empty()) next_prepared_ = prepare(next_, std::nullopt);
}

void Writer::drop_next() {
    next_prepared_.reset();
    next_.clear();
}

// Nothing is queued. Once a second the position moves past what nobody wanted, or the lease is
// kept. The queue is looked at on this thread and wake-ups are posted to it: none is missed.
asio::awaitable<void> Writer::idle() {
    const auto since = SteadyClock::now() - last_sign_of_life_;
    if (since < heartbeat_every) {
        work_timer_.expires_after(heartbeat_every - since);
        co_await work_timer_.async_wait(asio::as_tuple(asio::use_awaitable));
        co_return;
    }
    const auto mark = queue_.take_trailing();
    if (mark) {
        co_await move_cursor_only(*mark);
    } else {
        co_await keep_lease();
    }
}

// Waits for a fuller batch. What comes from another server has another cursor: then what is there
// is written first.
asio::awaitable<void> Writer::fill_up(std::vector<QueueItem>& items) {
    co_await pause(options_.batch_wait);
    auto more = queue_.take(options_.batch_events - items.size(), options_.batch_bytes);
    if (!more.empty() && more.front().endpoint != items.front().endpoint) {
        const bool written = co_await write_until_committed(items);
        items.clear();
        // Lost with the shard: what came later is void as well.
        if (!written) co_return;
    }
    std::move(more.begin(), more.end(), std::back_inserter(items));
}

CursorMove Writer::cursor_move(std::size_t endpoint, const jetstream::StoredCursor& to) {
    CursorMove move;
    move.key.consumer = options_.lease.consumer;
    move.key.host = options_.hosts[endpoint];
    move.key.dialect = options_.lease.dialect;
    move.key.shard = static_cast<std::int32_t>(options_.lease.shard.index);
    move.key.epoch = lease_.epoch();
    move.to = to;
    move.batch_id = uuid_v7();
    return move;
}

asio::awaitable<bool> Writer::write_until_committed(std::span<const QueueItem> items) {
    if (items.empty()) co_return true;
    std::optional<std::string_view> quarantine_all;
    while (!out_of_time()) {
        state_.writer_turn_us = now_micros().value;
        if (!connection_.connected()) {
            const Hold hold = co_await acquire();
            if (hold == Hold::fresh || hold == Hold::none) co_return false;
            if (hold == Hold::unavailable) {
                co_await back_off();
                continue;
            }
            if (doubt_was_committed(items)) co_return true;
        }
        const Attempt result = co_await attempt(items, quarantine_all);
        if (result == Attempt::committed) co_return true;
        // Find out who has it by standing in line again.
        if (result == Attempt::fenced) continue;
        if (result == Attempt::refused && items.size() > 1) {
            const bool written = co_await bisect(items);
            co_return written;
        }
        if (result == Attempt::refused && !quarantine_all && may_set_aside()) {
            crash_point("writer.setting_aside");
            quarantine_all = "rejected_by_database";
            continue;
        }
        co_await back_off();
    }
    co_return false;
}

asio::awaitable<bool> Writer::bisect(std::span<const QueueItem> items) {
    crash_point("writer.bisecting");
    const std::size_t half = items.size() / 2;
    const bool first = co_await write_until_committed(items.first(half));
    if (!first) co_return false;
    crash_point("writer.between_halves");
    const bool second = co_await write_until_committed(items.subspan(half));
    co_return second;
}

bool Writer::may_set_aside() {
    const bool may = breaker_.take(SteadyClock::now());
    state_.breaker_open = !may;
    std::uint64_t held_back = 0;
    if (!may && breaker_log_.allow(held_back)) {
        log_.error("the database refuses too many events: retrying instead of setting them aside",
                   {{"queued", queue_.size()}});
    }
    return may;
}

// After a new connection: did the batch commit whose answer was lost?
bool Writer::doubt_was_committed(std::span<const QueueItem> items) {
    if (!doubt_) return false;
    const Doubt doubt = std::move(*doubt_);
    doubt_.reset();
    if (lease_.last_batch() != doubt.batch_id) return false;
    committed(items, doubt.batch, std::nullopt, doubt.seconds);
    return true;
}

Writer::Prepared Writer::prepare(std::span<const QueueItem> items,
                                 std::optional<std::string_view> quarantine_all) {
    // Was it made while the batch before was under way? An epoch opened since makes it void.
    if (next_prepared_ && next_.empty()) {
        Prepared ready = std::move(*next_prepared_);
        next_prepared_.reset();
        const bool same = ready.of == items.data() && ready.size == items.size();
        if (same && !quarantine_all && ready.move.key.epoch == lease_.epoch()) return ready;
    }
    Prepared made;
    made.of = items.data();
    made.size = items.size();
    made.batch = fold(items, projector_, quarantine_all);
    std::erase_if(made.batch.writers, [this](const auto& writer) {
        return known_accounts_.knows(writer.first, writer.second);
    });
    made.move = cursor_move(items.back().endpoint, items.back().watermark);
    made.made = make_pipeline(made.batch, made.move);
    return made;
}

asio::awaitable<Writer::Attempt> Writer::attempt(std::span<const QueueItem> items,
                                                 std::optional<std::string_view> quarantine_all) {
    const auto begun = SteadyClock::now();
    Prepared work = prepare(items, quarantine_all);
    FoldedBatch& batch = work.batch;
    const CursorMove& move = work.move;
    BatchPipeline& made = work.made;
    made.pipeline.when_sent([this] { prepare_next(); });
    crash_point("writer.before_commit");
    auto deadline = deadline_in(statement_limit);
    auto result = co_await connection_.run("indexer_batch", std::move(made.pipeline), deadline);
    const double seconds = std::chrono::duration<double>(SteadyClock::now() - begun).count();

    if (result && result->ok() && result->rows.back().command() == "COMMIT") {
        crash_point("writer.committed");
        Effect effect;
        effect.records = affected(result->rows, made.records_steps);
        effect.trust = affected(result->rows, made.trust_steps);
        committed(items, batch, effect, seconds);
        if (!batch.quarantine.empty()) co_await prune();
        co_return Attempt::committed;
    }
    if (result && result->ok()) {
        db::Error error;
        error.kind = db::ErrorKind::protocol;
        error.message = "COMMIT was answered with ROLLBACK";
        auto verdict = co_await settle(std::move(error), seconds);
        co_return verdict;
    }
    db::Error error = result ? *result->error : result.error();
    const bool unknown = !error.certainly_not_applied() ||
                         (error.kind == db::ErrorKind::server && !connection_.connected());
    if (unknown) {
        Doubt doubt;
        doubt.batch = std::move(batch);
        doubt.batch_id = move.batch_id;
        doubt.seconds = seconds;
        doubt_ = std::move(doubt);
    }
    auto verdict = co_await settle(std::move(error), seconds);
    co_return verdict;
}

// After a transaction that did not commit, as far as we know: what now?
asio::awaitable<Writer::Attempt> Writer::settle(db::Error error, double seconds) {
    if (is_fenced(error)) {
        step_down();
        co_return Attempt::fenced;
    }
    metrics_.writes_failed.increment();
    metrics_.index_processing.failed(jobs::classify(error), seconds);
    const bool passing = error.transient() || error.kind != db::ErrorKind::server;
    // An event can cause it: it is isolated and quarantined. Everything else that the database
    // refuses (a missing table, a lost privilege) is not the events' fault and is retried.
    const bool data = error.of_the_data();
    log_.line(passing || data ? LogLevel::warn : LogLevel::error, "batch was not written",
              {{"kind", db::to_string(error.kind)},
               {"sqlstate", error.sqlstate},
               {"statement", error.statement},
               {"error", error.message}});
    if (connection_.connected()) {
        auto deadline = deadline_in(statement_limit);
        auto rolled_back = co_await connection_.execute("ROLLBACK", deadline);
        if (!rolled_back) connection_.close();
    }
    co_return data ? Attempt::refused : Attempt::retry;
}

void Writer::committed(std::span<const QueueItem> items, const FoldedBatch& batch,
                       const std::optional<Effect>& effect, double seconds) {
    const auto now = SteadyClock::now();
    const UnixMicros wall = now_micros();
    backoff_.reset();
    breaker_.committed(items.size());
    breaker_.close();
    state_.breaker_open = false;
    last_sign_of_life_ = now;
    state_.phase = WriterPhase::active;
    state_.commit_lag_us = batch.newest_us != 0 ? wall.value - batch.newest_us : 0;
    state_.note_committed(items.back().endpoint, items.back().watermark, wall);
    metrics_.batches.increment();
    metrics_.batch_events.observe(static_cast<double>(items.size()));
    metrics_.batch_seconds.observe(seconds);
    metrics_.index_processing.succeeded(seconds);
    metrics_.processed.increment(batch.events);
    for (const auto& [did, since_us] : batch.writers)
        known_accounts_.remember(did, since_us);
    for (const QuarantineRow& row : batch.quarantine)
        metrics_.count_quarantined(row.reason);
    const std::size_t rows = batch.record_rows();
    if (effect) {
        const auto written = static_cast<std::uint64_t>(effect->records);
        metrics_.upserts.increment(written);
        metrics_.duplicates.increment(rows - std::min<std::uint64_t>(written, rows));
        metrics_.trust_recompute.increment(static_cast<std::uint64_t>(effect->trust));
    } else {
        // The commit was found after its answer was lost: how many rows changed went with it.
        metrics_.upserts.increment(rows);
    }
    for (const QueueItem& item : items) {
        if (item.event() == nullptr) continue;
        metrics_.ingest_latency.observe(std::chrono::duration<double>(now - item.received).count());
    }
}

// Nothing of what was received was wanted: the position moves on all the same, once a second.
asio::awaitable<void> Writer::move_cursor_only(TrailingMark mark) {
    crash_point("writer.cursor_only");
    const auto begun = SteadyClock::now();
    last_sign_of_life_ = begun;
    const CursorMove move = cursor_move(mark.endpoint, mark.watermark);
    BatchPipeline made = make_pipeline(FoldedBatch(), move);
    auto deadline = deadline_in(statement_limit);
    auto result =
        co_await connection_.run("indexer_cursor_only", std::move(made.pipeline), deadline);
    const double seconds = std::chrono::duration<double>(SteadyClock::now() - begun).count();
    if (result && result->ok()) {
        // A batch without anything that was wanted: it too shows that the work goes on.
        metrics_.index_processing.succeeded(seconds);
        state_.note_committed(mark.endpoint, mark.watermark, now_micros());
        co_return;
    }
    db::Error error = result ? *result->error : result.error();
    co_await settle(std::move(error), seconds);
}

asio::awaitable<void> Writer::prune() {
    const auto now = SteadyClock::now();
    if (now - last_prune_ < prune_every) co_return;
    last_prune_ = now;
    db::Params params;
    params.int8(static_cast<std::int64_t>(options_.max_quarantined));
    auto deadline = deadline_in(statement_limit);
    auto pruned =
        co_await connection_.query(writer_sql::prune_quarantine, std::move(params), deadline);
    if (pruned && pruned->affected() > 0) {
        log_.warn("quarantine is full: the oldest frames were dropped",
                  {{"dropped", pruned->affected()}});
    }
}

}  // namespace subcults::indexer
