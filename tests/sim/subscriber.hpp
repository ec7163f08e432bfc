// One websocket subscriber of the simulator. Internal to the server.
#pragma once

#include "sim/server.hpp"
#include "sim/subscription.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include <cstdint>
#include <memory>

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
    std::uint64_t position() const noexcept { return position_; }

  private:
    static boost::asio::awaitable<void> read_updates(std::shared_ptr<Subscriber> self);
    static boost::asio::awaitable<void> send_pings(std::shared_ptr<Subscriber> self);
    // The next frame to send; nullptr = wait. Cuts the subscriber off when it fell behind.
    std::shared_ptr<const Frame> next_frame();
    void close(boost::beast::websocket::close_reason reason);

    Server& server_;
    boost::beast::websocket::stream<boost::beast::tcp_stream> stream_;
    boost::asio::steady_timer wake_timer_;
    boost::asio::steady_timer ping_timer_;
    Subscription subscription_;
    std::uint64_t position_ = 0;
    std::uint64_t replay_end_ = 0;  // before it the cursor decides
    std::int64_t cursor_ = 0;
    bool hello_pending_ = false;
    bool upgraded_ = false;
    bool waiting_ = false;
    bool over_ = false;
    bool closing_ = false;
};

}  // namespace subcults::sim
