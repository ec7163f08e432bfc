// The reading end: a connection to one of the configured servers, decoded into the queue.
//
// Reads only while the queue has room; not reading makes TCP push back on the server. A server
// that gives up on us meanwhile is an ordinary reconnection. Servers are tried in order, each
// failure moving on to the next; backoff grows to 30 s and starts over only after an event arrived.
//
// Threading: everything happens on the reader's io_context; start() and stop() may be called from
// any thread.
#pragma once

#include "base/backoff.hpp"
#include "base/log.hpp"
#include "indexer_metrics.hpp"
#include "jetstream/cursor.hpp"
#include "jetstream/decoder.hpp"
#include "net/ws_client.hpp"
#include "queue/event_queue.hpp"
#include "state.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <string>
#include <vector>

namespace subcults::indexer {

struct SourceOptions {
    std::vector<std::string> urls;  // in order of preference, never empty
    std::vector<std::string> collections;
    BackoffPolicy backoff;
    std::chrono::milliseconds idle_timeout{90'000};
};

class Source {
  public:
    Source(boost::asio::io_context& io, SourceOptions options, EventQueue& queue,
           IndexerMetrics& metrics, IndexerState& state, Log& log);
    ~Source();

    // Starts reading from these positions, one per URL; a running source starts over from them.
    // What was read before and is still queued has to be cleared by the caller first.
    void start(std::vector<jetstream::StoredCursor> positions);
    // Stops reading and closes the connection; `done` runs on the reader's thread.
    void stop(std::function<void()> done);
    // To be called when the queue has room again.
    void resume();

  private:
    boost::asio::awaitable<void> run(std::uint64_t generation);
    boost::asio::awaitable<void> serve(std::uint64_t generation);
    boost::asio::awaitable<bool> connect();
    boost::asio::awaitable<std::string_view> read_frames(std::uint64_t generation);
    boost::asio::awaitable<void> wait_for_room(std::uint64_t generation);
    boost::asio::awaitable<void> pause(std::chrono::milliseconds delay);
    bool take_in(const net::WsFrame& frame);
    bool current(std::uint64_t generation) const noexcept {
        return generation == generation_ && !stopping_;
    }

    boost::asio::io_context& io_;
    SourceOptions options_;
    std::vector<std::string> hosts_;
    EventQueue& queue_;
    IndexerMetrics& metrics_;
    IndexerState& state_;
    Log& log_;
    jetstream::Decoder decoder_;
    std::unique_ptr<net::WsClient> client_;
    boost::asio::steady_timer timer_;
    Backoff backoff_;
    LogLimit fault_log_{std::chrono::seconds(1)};

    std::vector<jetstream::Watermark> marks_;  // per URL
    std::size_t endpoint_ = 0;
    // The server that the newest position comes from; asking another one needs a longer rewind.
    std::optional<std::size_t> read_from_;
    bool first_attempt_ = true;
    bool heard_something_ = false;  // on the present connection
    std::string_view reconnect_reason_;
    std::uint64_t generation_ = 0;  // start() and stop() end what ran before
    bool running_ = false;
    bool stopping_ = false;
    std::function<void()> on_stopped_;
};

}  // namespace subcults::indexer
