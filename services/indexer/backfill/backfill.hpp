// The job index_backfill: reads a stretch of history again from what a Jetstream server still has,
// and writes it into the same tables through the same fold, beside the live stream.
//
//   the live cursor   is not touched: a backfill's position is in its own row (index_backfills)
//   double writes     change nothing: every row write is guarded by its revision, and what an
//                     account's deletion has taken away stays away (make_retry_pipeline)
//   the live writer   never runs beside a batch of a backfill: that locks the rows of all shards.
//   It
//                     waits for one such batch at a time, and has at least half of the time
//   the shard lease   stays whose it is; a backfill covers the accounts of all shards
//   a crash           loses nothing: rows and position commit together, and whoever takes the job
//                     over goes on from there
//   several replicas  one at a time, by the job's lease; every transaction is behind its fence
//   poison            a frame that cannot be read, or an event that the database refuses, goes to
//                     quarantine as in the live stream, within the same bound
//
// A run works for `slice` and then asks for another one, so that its lease can move and its metrics
// tell something; several orders are worked off one after the other.
//
// Threading: that of `io`. Decoding and folding a batch occupy the thread for a few milliseconds.
// Reads uncompressed.
#pragma once

#include "backfill/backfill_order.hpp"
#include "backfill/read_watch.hpp"
#include "base/log.hpp"
#include "db/pool.hpp"
#include "jetstream/decoder.hpp"
#include "jobs/job.hpp"
#include "project/projector.hpp"
#include "queue/event_queue.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::indexer {

struct BackfillOptions {
    std::string database_uri;  // a direct one
    std::function<void(std::string_view statement, double seconds)> on_query = {};
    std::string consumer = "indexer";
    std::vector<std::string> urls;  // never empty
    std::vector<std::string> collections;
    std::size_t batch_events = 500;
    std::size_t batch_bytes = 2 * 1024 * 1024;
    // Silence that means that a server has nothing more (replay_window.hpp). Twice that must fit
    // into the slice: what a run has heard of silence the next one does not know.
    std::chrono::milliseconds quiet{20'000};
    std::chrono::milliseconds slice{45'000};
    std::size_t max_quarantined = 10'000;
};

class Backfill {
  public:
    Backfill(boost::asio::io_context& io, BackfillOptions options, Log& log);

    void start();
    void stop() noexcept;
    // To be added to the runner; refers to this object.
    jobs::Job job();

    boost::asio::awaitable<void> run(jobs::Run& run);

  private:
    enum class Read {
        over,     // the window, or the slice
        go_on,    // on another connection
        stopped,  // the run has been told why, or the order was cancelled
    };
    enum class Attempt { committed, refused, stopped };

    boost::asio::awaitable<bool> work(jobs::Run& run, BackfillOrder& order, Deadline end);
    boost::asio::awaitable<std::shared_ptr<net::WsClient>> connect(jobs::Run& run,
                                                                   BackfillOrder& order);
    boost::asio::awaitable<Read> read(jobs::Run& run, BackfillOrder& order,
                                      std::shared_ptr<net::WsClient> client, Deadline end);
    boost::asio::awaitable<bool> store(jobs::Run& run, BackfillOrder& order);
    boost::asio::awaitable<bool> write(jobs::Run& run, BackfillOrder& order,
                                       std::span<const QueueItem> items,
                                       std::optional<std::int64_t> position);
    boost::asio::awaitable<Attempt> attempt(jobs::Run& run, BackfillOrder& order,
                                            std::span<const QueueItem> items,
                                            std::optional<std::int64_t> position,
                                            std::optional<std::string_view> quarantine_all);
    boost::asio::awaitable<void> prune(jobs::Run& run, db::Connection& connection);
    Attempt settle(jobs::Run& run, BackfillOrder& order, const db::Error& error);
    boost::asio::awaitable<bool> finish(jobs::Run& run, BackfillOrder& order);
    boost::asio::awaitable<void> ask_for_another(jobs::Run& run);
    void take(BackfillOrder& order, const net::WsFrame& frame);
    void note(BackfillOrder& order, std::int64_t time_us);

    boost::asio::io_context& io_;
    BackfillOptions options_;
    Log& log_;
    db::Pool pool_;
    jetstream::Decoder decoder_;
    Projector projector_;
    std::size_t endpoint_ = 0;  // moves on when one fails
    std::optional<SteadyClock::time_point> pruned_at_;
};

}  // namespace subcults::indexer
