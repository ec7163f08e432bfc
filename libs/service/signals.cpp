#include "service/signals.hpp"

#include <unistd.h>
#include <csignal>

namespace subcults::service {

Signals::Signals(boost::asio::io_context& io, std::function<void(int)> on_first)
    : signals_(io, SIGINT, SIGTERM), on_first_(std::move(on_first)) {
    wait();
}

void Signals::wait() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
        if (error) return;
        if (seen_) ::_exit(128 + signal);
        seen_ = true;
        wait();
        on_first_(signal);
    });
}

void Signals::cancel() {
    signals_.cancel();
}

}  // namespace subcults::service
