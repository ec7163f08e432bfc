#include "write/writer.hpp"

#include "write/writer_sql.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace subcults::indexer {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds statement_limit{30};
constexpr std::chrono::seconds standby_poll{1};
constexpr std::chrono::seconds idle_commit_every{1};
constexpr std::chrono::minutes prune_every{1};
constexpr std::int32_t only_shard = 0;

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
    return made;
}

// What the data of an event can cause: it is isolated and quarantined. Everything else that the
// database refuses (a missing table, a lost privilege) is not the events' fault and is retried.
bool is_data_error(const db::Error& error) {
    return error.is_class("22") || error.is_class("23") || error.is_class("54");
}

}  // namespace

Writer::Writer(asio::io_context& io, WriterOptions options, EventQueue& queue,
               IndexerMetrics& metrics, IndexerState& state, Log& log,
               std::function<void(Positions)> on_positions)
    : io_(io),
      options_(std::move(options)),
      queue_(queue),
      metrics_(metrics),
      state_(state),
      log_(log),
      on_positions_(std::move(on_positions)),
      connection_(io.get_executor(), writing_connection(options_)),
      timer_(io),
      backoff_(BackoffPolicy{std::chrono::milliseconds(100), std::chrono::milliseconds(5000)},
               static_cast<std::uint64_t>(SteadyClock::now().time_since_epoch().count())) {}

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
    });
}

void Writer::wake() {
    asio::post(io_, [this] { timer_.cancel(); });
}

asio::awaitable<void> Writer::pause(std::chrono::milliseconds delay) {
    timer_.expires_after(delay);
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<void> Writer::run() {
    while (!out_of_time()) {
        state_.writer_turn_us = now_micros().value;
        if (!connection_.connected()) {
            const bool acquired = co_await acquire();
            if (!acquired) {
                if (stopping_ && epochs_.empty()) break;
                const auto delay = backoff_.next();
                co_await pause(delay);
                continue;
            }
        }
        std::vector<QueueItem> items = queue_.take(options_.batch_events);
        if (items.empty()) {
            if (stopping_) break;
            const auto now = SteadyClock::now();
            if (now - last_idle_commit_ >= idle_commit_every) {
                const auto mark = queue_.take_trailing();
                last_idle_commit_ = now;
                if (mark) co_await move_cursor_only(*mark);
                continue;
            }
            // The queue is looked at on this thread and wake-ups are posted to it: none is missed.
            co_await pause(idle_commit_every);
            continue;
        }
        if (options_.batch_wait.count() > 0 && items.size() < options_.batch_events && !stopping_) {
            co_await pause(options_.batch_wait);
            auto more = queue_.take(options_.batch_events - items.size());
            const bool same = more.empty() || more.front().endpoint == items.front().endpoint;
            if (!same) {
                co_await write_until_committed(items);
                items.clear();
            }
            std::move(more.begin(), more.end(), std::back_inserter(items));
        }
        co_await write_until_committed(items);
    }
    connection_.close();
}

// Connects, takes the shard's lock, opens an epoch and finds out where writing goes on. Returns
// false when it has to be tried again later.
asio::awaitable<bool> Writer::acquire() {
    const bool had_it = !epochs_.empty();
    if (!had_it) state_.phase = WriterPhase::connecting;
    auto connected = co_await connection_.connect();
    if (!connected) {
        std::string why = connected.error().message;
        log_.warn("cannot reach the database", {{"error", why}});
        co_return false;
    }
    db::Params lock;
    lock.text(options_.consumer + "/" + options_.dialect).int8(only_shard);
    auto deadline = deadline_in(statement_limit);
    auto locked = co_await connection_.query(writer_sql::try_lease, std::move(lock), deadline);
    if (!locked || !locked->boolean(0, 0)) {
        if (locked && !standby_logged_) {
            log_.info("another process writes this shard: standing by");
            standby_logged_ = true;
        }
        if (locked) state_.phase = WriterPhase::standby;
        connection_.close();
        backoff_.reset();
        co_await pause(standby_poll);
        co_return false;
    }
    db::Params epoch;
    std::vector<std::string_view> hosts(options_.hosts.begin(), options_.hosts.end());
    std::sort(hosts.begin(), hosts.end());
    hosts.erase(std::unique(hosts.begin(), hosts.end()), hosts.end());
    epoch.text(options_.consumer)
        .text(options_.dialect)
        .int4(only_shard)
        .text_array(std::span<const std::string_view>(hosts));
    deadline = deadline_in(statement_limit);
    auto opened = co_await connection_.query(writer_sql::open_epoch, std::move(epoch), deadline);
    if (!opened) {
        std::string why = opened.error().message;
        log_.warn("cannot open an epoch", {{"error", why}});
        connection_.close();
        co_return false;
    }

    Positions positions(options_.hosts.size());
    std::vector<std::int64_t> epochs(options_.hosts.size());
    bool uninterrupted = had_it;
    doubt_resolved_committed_ = false;
    for (int row = 0; row < opened->size(); ++row) {
        const std::string_view host = opened->text(row, 0);
        for (std::size_t i = 0; i < options_.hosts.size(); ++i) {
            if (options_.hosts[i] != host) continue;
            if (!opened->is_null(row, 1)) positions[i].time_us = opened->int8(row, 1);
            if (!opened->is_null(row, 2)) positions[i].seq = opened->int8(row, 2);
            epochs[i] = opened->int8(row, 3);
            // One more than ours: nobody has written in between.
            if (had_it && epochs[i] != epochs_[i] + 1) uninterrupted = false;
            if (doubtful_batch_ && !opened->is_null(row, 4) &&
                opened->uuid(row, 4) == *doubtful_batch_) {
                doubt_resolved_committed_ = true;
            }
        }
    }
    epochs_ = std::move(epochs);
    standby_logged_ = false;
    state_.phase = WriterPhase::active;
    for (const auto& position : positions) {
        if (position.time_us) {
            state_.cursor_us = std::max(state_.cursor_us.load(), *position.time_us);
        }
    }
    if (!uninterrupted) {
        log_.info(had_it ? "another process wrote in between: starting over"
                         : "writing this shard");
        taken_over_ = had_it;
        queue_.clear();
        on_positions_(std::move(positions));
    } else {
        log_.info("database is back");
    }
    co_return true;
}

CursorMove Writer::cursor_move(std::size_t endpoint, const jetstream::StoredCursor& to) {
    CursorMove move;
    move.key.consumer = options_.consumer;
    move.key.host = options_.hosts[endpoint];
    move.key.dialect = options_.dialect;
    move.key.shard = only_shard;
    move.key.epoch = epochs_[endpoint];
    move.to = to;
    move.batch_id = uuid_v7();
    return move;
}

// Returns when every item is committed (or quarantined), when another process has taken over, or
// when time is up at shutdown.
asio::awaitable<void> Writer::write_until_committed(std::span<const QueueItem> items) {
    if (items.empty()) co_return;
    state_.in_flight_us = items.front().time_us();
    std::optional<std::string_view> quarantine_all;
    while (!out_of_time()) {
        state_.writer_turn_us = now_micros().value;
        if (!connection_.connected()) {
            taken_over_ = false;
            const bool acquired = co_await acquire();
            if (!acquired) {
                const auto delay = backoff_.next();
                co_await pause(delay);
                continue;
            }
            if (taken_over_) break;  // these items are not ours to write any more
            if (doubt_resolved_committed_ && doubtful_) {
                Doubt doubt = std::move(*doubtful_);
                doubtful_.reset();
                doubtful_batch_.reset();
                committed(items, doubt.batch, std::nullopt, doubt.seconds);
                break;
            }
            doubtful_.reset();
            doubtful_batch_.reset();
        }
        const Attempt result = co_await attempt(items, quarantine_all);
        if (result == Attempt::committed) break;
        if (result == Attempt::fenced) {
            // Find out who has it by standing in line again.
            log_.warn("this process was fenced off by another one");
            connection_.close();
            continue;
        }
        if (result == Attempt::refused) {
            if (items.size() == 1) {
                quarantine_all = "rejected_by_database";
                continue;
            }
            const std::size_t half = items.size() / 2;
            co_await write_until_committed(items.first(half));
            if (!taken_over_) co_await write_until_committed(items.subspan(half));
            break;
        }
        state_.phase = WriterPhase::retrying;
        const auto delay = backoff_.next();
        co_await pause(delay);
    }
    state_.in_flight_us = 0;
}

asio::awaitable<Writer::Attempt> Writer::attempt(std::span<const QueueItem> items,
                                                 std::optional<std::string_view> quarantine_all) {
    const auto begun = SteadyClock::now();
    FoldedBatch batch = fold(items, projector_, quarantine_all);
    const CursorMove move = cursor_move(items.back().endpoint, items.back().watermark);
    BatchPipeline made = make_pipeline(batch, move);
    auto deadline = deadline_in(statement_limit);
    auto result = co_await connection_.run("indexer_batch", std::move(made.pipeline), deadline);
    const double seconds = std::chrono::duration<double>(SteadyClock::now() - begun).count();

    if (result && result->ok() && result->rows.back().command() == "COMMIT") {
        std::optional<std::int64_t> upserts;
        if (made.records_step) upserts = result->rows[*made.records_step].affected();
        state_.cursor_us = std::max(state_.cursor_us.load(), move.to.time_us.value_or(0));
        committed(items, batch, upserts, seconds);
        if (!batch.quarantine.empty()) co_await prune();
        co_return Attempt::committed;
    }
    if (result && result->ok()) {
        db::Error error;
        error.kind = db::ErrorKind::protocol;
        error.message = "COMMIT was answered with ROLLBACK";
        auto verdict = co_await settle(std::move(error));
        co_return verdict;
    }
    db::Error error = result ? *result->error : result.error();
    const bool unknown = !error.certainly_not_applied() ||
                         (error.kind == db::ErrorKind::server && !connection_.connected());
    if (unknown) {
        doubtful_batch_ = move.batch_id;
        Doubt doubt;
        doubt.batch = std::move(batch);
        doubt.seconds = seconds;
        doubtful_ = std::move(doubt);
    }
    auto verdict = co_await settle(std::move(error));
    co_return verdict;
}

// After a transaction that did not commit, as far as we know: what now?
asio::awaitable<Writer::Attempt> Writer::settle(db::Error error) {
    if (error.sqlstate == "22012" && error.statement == writer_sql::move_cursor.name) {
        connection_.close();
        co_return Attempt::fenced;
    }
    metrics_.writes_failed.increment();
    const bool passing = error.transient() || error.kind != db::ErrorKind::server;
    const bool data = is_data_error(error);
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
                       std::optional<std::int64_t> upserts, double seconds) {
    const auto now = SteadyClock::now();
    const UnixMicros wall = now_micros();
    backoff_.reset();
    state_.phase = WriterPhase::active;
    state_.commit_lag_us = batch.newest_us != 0 ? wall.value - batch.newest_us : 0;
    metrics_.batches.increment();
    metrics_.batch_events.observe(static_cast<double>(items.size()));
    metrics_.batch_seconds.observe(seconds);
    metrics_.processed.increment(batch.events);
    for (const QuarantineRow& row : batch.quarantine)
        metrics_.count_quarantined(row.reason);
    if (upserts) {
        const auto written = static_cast<std::uint64_t>(*upserts);
        metrics_.upserts.increment(written);
        metrics_.duplicates.increment(batch.records.size() - written);
    } else if (!batch.records.empty()) {
        // The commit was found after its answer was lost: how many rows changed went with it.
        metrics_.upserts.increment(batch.records.size());
    }
    for (const QueueItem& item : items) {
        if (item.event() == nullptr) continue;
        metrics_.ingest_latency.observe(std::chrono::duration<double>(now - item.received).count());
    }
}

// Nothing of what was received was wanted: the position moves on all the same, once a second.
asio::awaitable<Writer::Attempt> Writer::move_cursor_only(TrailingMark mark) {
    const CursorMove move = cursor_move(mark.endpoint, mark.watermark);
    BatchPipeline made = make_pipeline(FoldedBatch(), move);
    auto deadline = deadline_in(statement_limit);
    auto result =
        co_await connection_.run("indexer_cursor_only", std::move(made.pipeline), deadline);
    if (result && result->ok()) {
        state_.cursor_us = std::max(state_.cursor_us.load(), move.to.time_us.value_or(0));
        co_return Attempt::committed;
    }
    db::Error error = result ? *result->error : result.error();
    auto verdict = co_await settle(std::move(error));
    co_return verdict;
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
