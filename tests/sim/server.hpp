// A Jetstream v1 server for tests and local use: /subscribe, /health and a few controls.
//
//   GET  /subscribe        websocket; wantedCollections, wantedDids, cursor, maxMessageSizeBytes,
//                          requireHello; options_update messages; 400 with text when invalid
//   GET  /health           200
//   POST /control/append   publishes the body's lines now
//   POST /control/drop     cuts every subscriber off without a close frame
//   POST /control/stall    goes on accepting but sends nothing, no pings either, until
//                          /control/resume or after `ms` milliseconds (query or JSON body)
//   POST /control/resume
//   GET  /control/stats    {"published","subscribers","sent","connections_total",…}
//
// Subscribers pull from the shared timeline, each at its own position: there are no queues, and one
// that falls out of the ring is cut off without a close frame. A replay begins with the oldest
// retained frame whose time_us is not below the cursor, in order of publication, and passes into
// the live stream without gap or repeat.
//
// Everything runs on the one thread of the io_context.
#pragma once

#include "base/log.hpp"
#include "sim/timeline.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace subcults::sim {

class Subscriber;

struct ServerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 6008;  // 0 = any free one
    std::size_t retention = 200'000;
    std::chrono::seconds ping_interval{30};  // 0 = never
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
    std::size_t subscriber_count() const noexcept { return subscribers_.size(); }
    std::uint64_t connections_total() const noexcept { return connections_total_; }
    // Frames between the slowest subscriber and the newest frame.
    std::uint64_t slowest_lag() const noexcept;

  private:
    friend class Subscriber;
    struct Answer;

    boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket socket);
    Answer control(std::string_view method, std::string_view path, std::string_view query,
                   const std::string& body);
    void append(const std::string& lines);
    void drop_all();
    void stall(std::chrono::milliseconds duration);
    void resume();
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
    std::uint64_t connections_total_ = 0;
    std::uint64_t sent_ = 0;
    std::uint64_t dropped_slow_ = 0;
    bool stalled_ = false;
    bool stopping_ = false;
};

}  // namespace subcults::sim
