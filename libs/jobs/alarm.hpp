// A pause that can be cut short. What rings while nobody naps is not lost: the next nap ends at
// once. Belongs to one single-threaded io_context.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <utility>

namespace subcults::jobs {

class Alarm {
  public:
    explicit Alarm(boost::asio::any_io_executor executor) : timer_(std::move(executor)) {}

    boost::asio::awaitable<void> nap_until(std::chrono::steady_clock::time_point latest) {
        if (!rung_) {
            timer_.expires_at(latest);
            co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        }
        rung_ = false;
    }
    void ring() {
        rung_ = true;
        timer_.cancel();
    }

  private:
    boost::asio::steady_timer timer_;
    bool rung_ = false;
};

}  // namespace subcults::jobs
