#include "livekit/ledger_desk.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>

namespace subcults::api::livekit {

namespace asio = boost::asio;

namespace {

// Shared with the answers, so that a late one finds it whatever has become of the waiter.
struct Waiting {
    explicit Waiting(const asio::any_io_executor& executor) : ready(executor) {}
    std::vector<Outcome> outcomes;
    std::size_t left = 0;
    asio::steady_timer ready;
};

}  // namespace

asio::awaitable<std::vector<Outcome>> LedgerDesk::submit_all(std::vector<Command> commands) {
    auto waiting = std::make_shared<Waiting>(executor_);
    waiting->outcomes.resize(commands.size());
    waiting->left = commands.size();
    waiting->ready.expires_at(asio::steady_timer::time_point::max());
    for (std::size_t i = 0; i < commands.size(); ++i) {
        submit_(std::move(commands[i]), [waiting, i](Outcome outcome) {
            waiting->outcomes[i] = std::move(outcome);
            if (--waiting->left == 0) waiting->ready.cancel();
        });
    }
    while (waiting->left > 0)
        co_await waiting->ready.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return std::move(waiting->outcomes);
}

}  // namespace subcults::api::livekit
