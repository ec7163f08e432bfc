// SIGTERM and SIGINT: the first asks for a graceful end, the second ends the process at once.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <functional>

namespace subcults::service {

class Signals {
  public:
    // `on_first` runs on the io_context's thread. After a second signal the process exits with
    // status 130 or 143 without running anything else.
    Signals(boost::asio::io_context& io, std::function<void(int signal)> on_first);
    void cancel();

  private:
    void wait();
    boost::asio::signal_set signals_;
    std::function<void(int)> on_first_;
    bool seen_ = false;
};

}  // namespace subcults::service
