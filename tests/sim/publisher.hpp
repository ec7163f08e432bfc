// Moves frames from a feed to the timeline, at a rate or as fast as the subscribers take them.
//
// At a rate, time decides: a subscriber that does not keep up falls out of the ring. Without one,
// publication stays at most half the ring (and never more than a few thousand frames) ahead of the
// slowest subscriber and, unless started at once, waits while there is none: nothing is lost to
// speed alone.
#pragma once

#include "base/time.hpp"
#include "sim/feed.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <memory>

namespace subcults::sim {

class Server;

struct PublisherOptions {
    double rate = 0;  // events per second; 0 = no limit
    bool start_now = false;
};

class Publisher {
  public:
    // `feed` may be null: then only what is appended by hand is published.
    Publisher(boost::asio::io_context& context, Server& server, std::unique_ptr<Feed> feed,
              PublisherOptions options);

    boost::asio::awaitable<void> run();
    void stop();

  private:
    // How many frames may be published now.
    std::uint64_t due() const;

    Server& server_;
    std::unique_ptr<Feed> feed_;
    PublisherOptions options_;
    boost::asio::steady_timer timer_;
    SteadyClock::time_point started_{};
    std::uint64_t published_ = 0;
    bool stopped_ = false;
};

}  // namespace subcults::sim
