// The reading end: a connection to one of the configured servers, whose frames go through the
// intake into the queue. Which server, and when, is the policy's business (endpoint_policy.hpp).
//
// Reads only while the queue has room; not reading makes TCP push back on the server. A server
// that gives up on us meanwhile is an ordinary reconnection.
//
// While a lesser server is read, the preferred one is tried beside it when that is due: the old
// connection is given up only when the new one stands, and the new one resumes ten seconds before
// the position, so that a return, successful or not, costs neither time nor events.
//
// Threading: everything happens on the reader's io_context; the public functions may be called from
// any thread. Every wait ends within milliseconds of stop() and suspend(), which cut the
// connection.
#pragma once

#include "base/log.hpp"
#include "indexer_metrics.hpp"
#include "jetstream/endpoint_policy.hpp"
#include "net/ws_client.hpp"
#include "queue/event_queue.hpp"
#include "source/frame_intake.hpp"
#include "source/start_positions.hpp"
#include "state.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::indexer {

struct SourceOptions {
    std::vector<std::string> urls;  // in order of preference, never empty
    std::vector<std::string> collections;
    jetstream::EndpointRules rules;
    std::chrono::milliseconds idle_timeout{90'000};
    std::string dictionary_file;  // empty = uncompressed
    jetstream::Shard shard;
};

class Source {
  public:
    // Throws std::runtime_error when the dictionary cannot be loaded.
    Source(boost::asio::io_context& io, SourceOptions options, EventQueue& queue,
           IndexerMetrics& metrics, IndexerState& state, Log& log);
    ~Source();

    // Starts reading from these positions; a running source starts over from them. What was read
    // before and is still queued has to be dropped by the caller first.
    void start(StartPositions positions);
    // Reads no more until the next start().
    void suspend();
    // Stops reading for good and closes the connection; `done` runs on the reader's thread.
    void stop(std::function<void()> done);
    // To be called when the queue has room again.
    void resume();

  private:
    using Awaitable = boost::asio::awaitable<void>;
    struct Link {
        std::shared_ptr<net::WsClient> client;
        std::size_t endpoint = 0;
        ResumePoint resume;
        bool compressed = false;
    };

    Awaitable run(std::uint64_t generation);
    Awaitable serve(std::uint64_t generation);
    Awaitable read_link(std::uint64_t generation);
    boost::asio::awaitable<std::string_view> read_frames(std::uint64_t generation);
    Awaitable wait_for_room(std::uint64_t generation);
    Awaitable wait_until(SteadyClock::time_point when, std::uint64_t generation);
    Awaitable look_for_preferred(std::uint64_t generation, std::uint64_t link);
    boost::asio::awaitable<std::optional<Link>> open(std::size_t endpoint,
                                                     std::uint64_t generation);
    void adopt(Link link);
    void report(std::size_t endpoint, const net::WsConnectError& error);
    void give_up_compression(std::size_t endpoint, std::string_view why);
    void note_progress();
    void publish(LinkState link, std::size_t endpoint);
    void end_run();
    [[noreturn]] void die_of(const std::exception_ptr& failure);
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
    FrameIntake intake_;
    jetstream::EndpointPolicy policy_;
    boost::asio::steady_timer timer_;        // between attempts
    boost::asio::steady_timer room_timer_;   // while the queue is full
    boost::asio::steady_timer scout_timer_;  // until the preferred server is due

    std::optional<Link> link_;
    std::optional<Link> successor_;  // to the preferred server, opened beside link_
    std::vector<std::shared_ptr<net::WsClient>> opening_;
    std::vector<std::string> last_errors_;  // by endpoint
    std::vector<bool> uncompressed_;        // by endpoint: it takes no compression
    std::uint64_t link_number_ = 0;
    int scouts_ = 0;

    bool first_attempt_ = true;
    bool heard_ = false;       // on the present connection
    bool progressed_ = false;  // something of it has been committed
    std::int64_t committed_before_us_ = 0;
    SteadyClock::time_point starved_until_{};  // a server may hang up on us for a pause until then
    std::string_view reconnect_reason_ = "other";
    LinkState published_ = LinkState::idle;
    UnixMicros link_since_{};
    std::uint64_t generation_ = 0;  // start(), suspend() and stop() end what ran before
    bool running_ = false;
    bool stopping_ = false;
    std::function<void()> on_stopped_;
};

}  // namespace subcults::indexer
