// The writing end: takes batches from the queue and commits each with the cursor past it, in one
// transaction. Nothing is read off the queue for good before its commit.
//
// Trouble that passes (connection, deadlock, disk full, shutdown of the server) retries the same
// batch for ever, with backoff, while the queue holds the reader back. An event that the database
// refuses is isolated by bisection and quarantined; its neighbours commit, in order, each part with
// its own cursor. When refusals pile up the breaker opens, and they are retried like trouble that
// passes. When the connection breaks during COMMIT, the shard's batch id tells whether it happened.
//
// While the database works on a batch and a full one waits already, that one is folded and encoded:
// the two take turns at nothing.
//
// One process writes per shard (lease.hpp). A process that loses the shard drops what it has read,
// stops reading and stands by; when it gets the shard again it reads from the committed cursor.
//
// Threading: the writer's io_context; start() and stop() from any thread.
#pragma once

#include "base/backoff.hpp"
#include "base/log.hpp"
#include "db/connection.hpp"
#include "indexer_metrics.hpp"
#include "project/fold.hpp"
#include "queue/event_queue.hpp"
#include "source/start_positions.hpp"
#include "state.hpp"
#include "write/batch_pipeline.hpp"
#include "write/known_accounts.hpp"
#include "write/lease.hpp"
#include "write/quarantine_breaker.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace subcults::indexer {

struct WriterOptions {
    db::ConnectionOptions connection;  // uri and observer; the writer adds settings and statements
    std::vector<std::string> hosts;    // by endpoint
    LeaseOptions lease;
    std::size_t batch_events = 500;
    // A batch exists three more times on its way: as rows, as parameters and in libpq's buffer.
    std::size_t batch_bytes = 2 * 1024 * 1024;
    std::chrono::milliseconds batch_wait{0};
    std::size_t max_quarantined = 10'000;
};

// What the writer tells the rest of the process, on its own thread.
struct WriterHooks {
    // The shard is ours: read from here. What was read before has been dropped.
    std::function<void(StartPositions)> on_positions;
    // Another process has the shard: stop reading.
    std::function<void()> on_standby;
    // Nothing that waiting could mend; the process should end.
    std::function<void(std::string reason)> on_refused;
};

class Writer {
  public:
    Writer(boost::asio::io_context& io, WriterOptions options, EventQueue& queue,
           IndexerMetrics& metrics, IndexerState& state, Log& log, WriterHooks hooks);
    ~Writer();

    void start();
    // Writes what is queued until `deadline`, then ends; `done` runs on the writer's thread.
    void stop(Deadline deadline, std::function<void()> done);
    // To be called when the queue has become non-empty.
    void wake();

  private:
    enum class Attempt { committed, retry, refused, fenced };
    // `same` = the shard is (still) ours and what is in hand may be written; `fresh` = it is ours
    // anew, and what is in hand is void; `none` = it is not ours, and nothing is in hand any more.
    enum class Hold { same, fresh, none, unavailable };

    // A transaction that only has to be sent.
    struct Prepared {
        const QueueItem* of = nullptr;
        std::size_t size = 0;
        FoldedBatch batch;
        CursorMove move;
        BatchPipeline made;
    };

    boost::asio::awaitable<void> run();
    boost::asio::awaitable<void> idle();
    std::vector<QueueItem> take();
    Prepared prepare(std::span<const QueueItem> items,
                     std::optional<std::string_view> quarantine_all);
    void prepare_next();
    void drop_next();
    boost::asio::awaitable<void> fill_up(std::vector<QueueItem>& items);
    boost::asio::awaitable<Hold> acquire();
    Hold begin_reading();
    Hold stand_by();
    void step_down();
    // False = what was in hand is void: the shard was lost, or time is up.
    boost::asio::awaitable<bool> write_until_committed(std::span<const QueueItem> items);
    boost::asio::awaitable<bool> bisect(std::span<const QueueItem> items);
    boost::asio::awaitable<Attempt> attempt(std::span<const QueueItem> items,
                                            std::optional<std::string_view> quarantine_all);
    boost::asio::awaitable<void> move_cursor_only(TrailingMark mark);
    boost::asio::awaitable<Attempt> settle(db::Error error, double seconds);
    boost::asio::awaitable<void> keep_lease();
    boost::asio::awaitable<void> back_off();
    boost::asio::awaitable<void> prune();
    boost::asio::awaitable<void> pause(std::chrono::milliseconds delay);
    bool may_set_aside();
    bool doubt_was_committed(std::span<const QueueItem> items);
    CursorMove cursor_move(std::size_t endpoint, const jetstream::StoredCursor& to);
    // What the database said about a committed batch, when its answer arrived.
    struct Effect {
        std::int64_t records = 0;  // rows that changed
        std::int64_t trust = 0;    // scenes that were marked
    };
    void committed(std::span<const QueueItem> items, const FoldedBatch& batch,
                   const std::optional<Effect>& effect, double seconds);
    bool out_of_time() const noexcept { return stopping_ && SteadyClock::now() >= stop_deadline_; }

    boost::asio::io_context& io_;
    WriterOptions options_;
    EventQueue& queue_;
    IndexerMetrics& metrics_;
    IndexerState& state_;
    Log& log_;
    WriterHooks hooks_;
    db::Connection connection_;
    boost::asio::steady_timer timer_;       // backoff: only stop() cuts it short
    boost::asio::steady_timer work_timer_;  // idleness: ended by wake()
    Backoff backoff_;
    Lease lease_;
    QuarantineBreaker breaker_;
    Projector projector_;
    KnownAccounts known_accounts_;

    // COMMIT was sent and the answer was lost: what it would have written, and its id.
    struct Doubt {
        FoldedBatch batch;
        Uuid batch_id;
        double seconds = 0;
    };
    std::optional<Doubt> doubt_;
    // The batch after the one in flight, under the epoch of now; no longer in the queue.
    std::vector<QueueItem> next_;
    std::optional<Prepared> next_prepared_;
    bool reading_ = false;  // on_positions has been called, and on_standby not since
    bool refused_ = false;
    bool standby_logged_ = false;
    LogLimit breaker_log_{std::chrono::seconds(30)};
    SteadyClock::time_point last_sign_of_life_{};
    SteadyClock::time_point last_prune_{};
    bool stopping_ = false;
    bool ended_ = true;
    Deadline stop_deadline_{};
    std::function<void()> on_stopped_;
};

}  // namespace subcults::indexer
