// The writing end: takes batches from the queue and commits each with the cursor past it, in one
// transaction. Nothing is read off the queue for good before its commit.
//
// Trouble that passes (connection, deadlock, disk full, shutdown of the server) retries the same
// batch for ever, with backoff, while the queue holds the reader back. An event that the database
// refuses is isolated by bisection and quarantined; its neighbours commit. When the connection
// breaks during COMMIT, the cursor row's batch id tells whether it happened.
//
// One process writes per shard: a lock on the writing connection, and an epoch that each
// transaction checks. Another process waits in standby.
//
// Threading: the writer's io_context; start() and stop() from any thread.
#pragma once

#include "base/backoff.hpp"
#include "base/log.hpp"
#include "db/connection.hpp"
#include "indexer_metrics.hpp"
#include "project/fold.hpp"
#include "queue/event_queue.hpp"
#include "state.hpp"
#include "write/batch_pipeline.hpp"

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
    std::string consumer = "indexer";
    std::string dialect = "v1";
    std::size_t batch_events = 500;
    std::chrono::milliseconds batch_wait{0};
    std::size_t max_quarantined = 10'000;
};

class Writer {
  public:
    using Positions = std::vector<jetstream::StoredCursor>;

    // `on_positions`: called with the committed cursors when reading has to start, or to start
    // over because another process wrote in between. On the writer's thread.
    Writer(boost::asio::io_context& io, WriterOptions options, EventQueue& queue,
           IndexerMetrics& metrics, IndexerState& state, Log& log,
           std::function<void(Positions)> on_positions);
    ~Writer();

    void start();
    // Writes what is queued until `deadline`, then ends; `done` runs on the writer's thread.
    void stop(Deadline deadline, std::function<void()> done);
    // To be called when the queue has become non-empty.
    void wake();

  private:
    enum class Attempt { committed, retry, refused, fenced };

    boost::asio::awaitable<void> run();
    boost::asio::awaitable<bool> acquire();
    boost::asio::awaitable<void> write_until_committed(std::span<const QueueItem> items);
    boost::asio::awaitable<Attempt> attempt(std::span<const QueueItem> items,
                                            std::optional<std::string_view> quarantine_all);
    boost::asio::awaitable<Attempt> move_cursor_only(TrailingMark mark);
    boost::asio::awaitable<Attempt> settle(db::Error error);
    boost::asio::awaitable<void> prune();
    boost::asio::awaitable<void> pause(std::chrono::milliseconds delay);
    CursorMove cursor_move(std::size_t endpoint, const jetstream::StoredCursor& to);
    void committed(std::span<const QueueItem> items, const FoldedBatch& batch,
                   std::optional<std::int64_t> upserts, double seconds);
    bool out_of_time() const noexcept { return stopping_ && SteadyClock::now() >= stop_deadline_; }

    boost::asio::io_context& io_;
    WriterOptions options_;
    EventQueue& queue_;
    IndexerMetrics& metrics_;
    IndexerState& state_;
    Log& log_;
    std::function<void(Positions)> on_positions_;
    db::Connection connection_;
    boost::asio::steady_timer timer_;
    Backoff backoff_;
    SceneProjector projector_;

    std::vector<std::int64_t> epochs_;  // by endpoint; empty = never held the shard
    // COMMIT was sent and the answer was lost: what it would have written, and its id.
    struct Doubt {
        FoldedBatch batch;
        double seconds = 0;
    };
    std::optional<Doubt> doubtful_;
    std::optional<Uuid> doubtful_batch_;
    bool doubt_resolved_committed_ = false;
    bool taken_over_ = false;  // another process wrote since: what is in hand is not ours any more
    bool standby_logged_ = false;
    SteadyClock::time_point last_idle_commit_{};
    SteadyClock::time_point last_prune_{};
    bool stopping_ = false;
    bool ended_ = true;
    Deadline stop_deadline_{};
    std::function<void()> on_stopped_;
};

}  // namespace subcults::indexer
