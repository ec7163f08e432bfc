// A Jetstream v1 server for tests and local use: /subscribe, /health and a few controls.
//
//   GET  /subscribe        websocket; wantedCollections, wantedDids, cursor, maxMessageSizeBytes,
//                          requireHello, compress (or the header Socket-Encoding: zstd);
//                          options_update messages; 400 with text when invalid
//   GET  /health           200
//   GET  /control/stats    {"published","subscribers","sent","connections_total",…}: every counter
//                          of counters.hpp and the present state
//   GET  /control/requests what the last upgrade requests asked for: request_log.hpp
//   POST /control/append   publishes the body's lines now
//   POST /control/drop     cuts every subscriber off without a close frame
//   POST /control/stall    goes on accepting and answering pings but sends nothing, no pings
//                          either, until /control/resume or after `ms` milliseconds
//   POST /control/silence  half-open: on the connections of now nothing is read, sent or answered
//                          any more, while their sockets stay open; new ones are served
//   POST /control/resume   ends a stall, and the silenced connections without a close frame
//   POST /control/refuse   {"status","retry_after","count"}: the next upgrade requests are answered
//                          with this status (400 to 599) and, if given, Retry-After
//   POST /control/forget   {"before_us"}: older events are gone for those who come later
//   POST /control/damage   {"count"}: so many zstd frames are preceded by a damaged copy
//   POST /control/regress  {"by","again"}: an unclean stop of a v2 host. Connections drop, the last
//                          `by` events are no longer known and their numbers are given to others:
//                          to what is published next, or with `again` to the same events, taken in
//                          once more in an order that differs between accounts
//
// Arguments go into the query or into a JSON body.
//
// Subscribers pull from the shared timeline, each at its own position: there are no queues, and one
// that falls out of the ring is cut off without a close frame. A replay begins where replay.hpp
// says, in order of publication (unless it is shuffled: disorder.hpp), and passes into the live
// stream without gap.
//
// Everything runs on the one thread of the io_context.
#pragma once

#include "base/log.hpp"
#include "sim/counters.hpp"
#include "sim/frame_compressor.hpp"
#include "sim/numbering.hpp"
#include "sim/replay.hpp"
#include "sim/request_log.hpp"
#include "sim/timeline.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace subcults::sim {

class ControlArguments;
class Subscriber;
struct SubscribeRequest;

struct ServerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 6008;  // 0 = any free one
    std::size_t retention = 200'000;
    std::chrono::seconds ping_interval{30};  // 0 = never
    // The content of a dictionary: compression is offered. Never on a v2 host.
    std::string zstd_dictionary = {};
    // Events carry a rising `cursor`, and several share one time.
    bool v2_host = false;
    std::int64_t first_seq = 1;
    std::uint64_t segment_events = 4096;  // 0 = replays by time begin exactly there
    // Replays change the order across accounts within so many events and repeat a few; 0 = never.
    std::size_t shuffle_window = 0;
    std::uint64_t shuffle_seed = 1;
};

class Server {
  public:
    // Binds and listens; throws boost::system::system_error when the address is not to be had.
    Server(boost::asio::io_context& context, ServerOptions options, Log& log);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    std::uint16_t port() const;
    // Accepts connections until stop().
    boost::asio::awaitable<void> run();
    // Says goodbye (1001) to every subscriber and takes no new ones; whoever has not answered
    // after two seconds is cut off.
    void stop();

    void publish(Frame frame);
    void feed_ended(std::uint64_t published);
    const Timeline& timeline() const noexcept { return timeline_; }
    // Those that are served: without the silenced ones.
    std::size_t subscriber_count() const noexcept;
    std::uint64_t connections_total() const noexcept { return counters_.connections_total; }
    // Frames between the slowest of them and the newest frame.
    std::uint64_t slowest_lag() const noexcept;

  private:
    friend class Subscriber;
    struct Answer;

    boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket socket);
    // The answer to an upgrade request that is not granted; a status of 101 grants it.
    Answer admit(std::string_view query, bool zstd_header, SubscribeRequest& wanted);
    Answer control(std::string_view method, std::string_view path, std::string_view query,
                   const std::string& body);
    bool fault(std::string_view name, const ControlArguments& arguments, Answer& answer);

    void append(const std::string& lines);
    void drop_all();
    void stall(std::chrono::milliseconds duration);
    void silence();
    void resume();
    void regress(std::size_t by, bool again);
    std::string stats() const;
    void wake_all();

    boost::asio::io_context& context_;
    ServerOptions options_;
    Log& log_;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::steady_timer stall_timer_;
    boost::asio::steady_timer stop_timer_;
    Timeline timeline_;
    std::set<std::shared_ptr<Subscriber>> subscribers_;
    std::set<boost::asio::ip::tcp::socket*> plain_;  // connections that are no subscribers
    std::optional<FrameCompressor> compressor_;
    std::optional<Numbering> numbering_;  // of a v2 host
    RequestLog requests_;
    Counters counters_;
    struct Refusal {
        unsigned status = 503;
        std::optional<std::int64_t> retry_after;
        std::int64_t left = 0;
    } refusal_;
    std::int64_t to_damage_ = 0;
    bool stalled_ = false;
    bool stopping_ = false;
};

}  // namespace subcults::sim
