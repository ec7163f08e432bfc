// One websocket subscriber of the simulator. Internal to the server.
#pragma once

#include "sim/disorder.hpp"
#include "sim/replay.hpp"
#include "sim/server.hpp"
#include "sim/subscription.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace subcults::sim {

class Subscriber : public std::enable_shared_from_this<Subscriber> {
  public:
    using UpgradeRequest = boost::beast::http::request<boost::beast::http::string_body>;

    Subscriber(Server& server, boost::beast::tcp_stream stream, SubscribeRequest request);

    // Upgrades, then sends until either side ends. `self` keeps the subscriber alive.
    static boost::asio::awaitable<void> run(std::shared_ptr<Subscriber> self,
                                            UpgradeRequest upgrade);
    // Something may be there to be sent.
    void wake();
    // Ends the connection without a close frame.
    void drop();
    void say_goodbye();
    // From now on nothing is read, sent or answered while the socket stays open, until drop().
    // False when there is nothing to be silenced.
    bool silence();
    bool silenced() const noexcept { return silenced_ && !over_; }
    std::uint64_t position() const noexcept { return position_; }

  private:
    static boost::asio::awaitable<void> read_updates(std::shared_ptr<Subscriber> self);
    static boost::asio::awaitable<void> send_pings(std::shared_ptr<Subscriber> self);
    static boost::asio::awaitable<bool> send_binary(std::shared_ptr<Subscriber> self,
                                                    const std::vector<std::string>& messages);
    // The next frame to send; nullptr = wait. Cuts the subscriber off when it fell behind.
    std::shared_ptr<const Frame> next_frame();
    std::shared_ptr<const Frame> shuffled_replay();
    // The next frame that was asked for, before `end`.
    std::shared_ptr<const Frame> pull(std::uint64_t end);
    // The messages that the frame becomes: one, or two when the first is to be a damaged one.
    std::vector<std::string> compressed(const Frame& frame);
    void close(boost::beast::websocket::close_reason reason);

    Server& server_;
    boost::beast::websocket::stream<boost::beast::tcp_stream> stream_;
    boost::asio::steady_timer wake_timer_;
    boost::asio::steady_timer ping_timer_;
    Subscription subscription_;
    bool compress_;
    Replay replay_;
    std::uint64_t position_ = 0;
    std::optional<Disorder> disorder_;  // while a replay is shuffled
    bool hello_pending_ = false;
    bool upgraded_ = false;
    bool waiting_ = false;
    bool over_ = false;
    bool closing_ = false;
    bool silenced_ = false;
};

}  // namespace subcults::sim
