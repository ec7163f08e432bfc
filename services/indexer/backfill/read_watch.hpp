// Ends the reading of a connection that has nothing to say, or when its time is up: by dropping the
// connection, so that the read that is under way ends.
//
// Belongs to the thread of its executor. Cost: a timer that fires when one of the two may be so.
#pragma once

#include "base/time.hpp"
#include "net/ws_client.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

namespace subcults::indexer {

class ReadWatch {
  public:
    ReadWatch(boost::asio::any_io_executor executor, std::shared_ptr<net::WsClient> client,
              std::chrono::milliseconds quiet, Deadline end)
        : state_(std::make_shared<State>(std::move(executor), std::move(client), quiet, end)) {
        wait(state_);
    }
    ~ReadWatch() {
        state_->ended = true;
        state_->timer.cancel();
    }
    ReadWatch(const ReadWatch&) = delete;
    ReadWatch& operator=(const ReadWatch&) = delete;

    // A frame came, or reading goes on after a pause of ours.
    void heard() noexcept {
        state_->paused = false;
        state_->last = SteadyClock::now();
    }
    // Nobody is reading: silence means nothing until heard().
    void pause() noexcept { state_->paused = true; }

    bool silent() const noexcept { return state_->silent; }
    bool out_of_time() const noexcept { return SteadyClock::now() >= state_->end; }

  private:
    struct State {
        State(boost::asio::any_io_executor executor, std::shared_ptr<net::WsClient> of,
              std::chrono::milliseconds quiet_for, Deadline until)
            : timer(std::move(executor)), client(std::move(of)), quiet(quiet_for), end(until) {}
        boost::asio::steady_timer timer;
        std::shared_ptr<net::WsClient> client;
        std::chrono::milliseconds quiet;
        Deadline end;
        SteadyClock::time_point last = SteadyClock::now();
        bool paused = false;
        bool silent = false;
        bool ended = false;
    };

    static void wait(const std::shared_ptr<State>& state) {
        const auto now = SteadyClock::now();
        const auto silence = state->paused ? now + state->quiet : state->last + state->quiet;
        // Once its time is up, a pause is only waited for.
        const auto until = now < state->end ? std::min(silence, state->end) : now + state->quiet;
        state->timer.expires_at(until);
        state->timer.async_wait([state](const boost::system::error_code&) {
            if (!state->ended) look(state);
        });
    }
    static void look(const std::shared_ptr<State>& state) {
        if (state->paused) return wait(state);
        const auto now = SteadyClock::now();
        state->silent = now - state->last >= state->quiet;
        if (!state->silent && now < state->end) return wait(state);
        state->client->abort();
    }

    std::shared_ptr<State> state_;
};

}  // namespace subcults::indexer
