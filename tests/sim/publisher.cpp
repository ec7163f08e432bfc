#include "sim/publisher.hpp"

#include "sim/server.hpp"

#include <boost/asio.hpp>

#include <algorithm>
#include <utility>

namespace subcults::sim {
namespace {

namespace asio = boost::asio;

constexpr std::uint64_t max_lead = 4096;
constexpr std::uint64_t max_burst = 10'000;
constexpr auto tick = std::chrono::milliseconds(1);

}  // namespace

Publisher::Publisher(asio::io_context& context, Server& server, std::unique_ptr<Feed> feed,
                     PublisherOptions options)
    : server_(server), feed_(std::move(feed)), options_(options), timer_(context) {}

std::uint64_t Publisher::due() const {
    if (options_.rate > 0) {
        const std::chrono::duration<double> elapsed = SteadyClock::now() - started_;
        const auto target = static_cast<std::uint64_t>(elapsed.count() * options_.rate) + 1;
        return target > published_ ? std::min(target - published_, max_burst) : 0;
    }
    if (server_.subscriber_count() == 0) return options_.start_now ? max_lead : 0;
    const std::uint64_t lead =
        std::clamp<std::uint64_t>(server_.timeline().retention() / 2, 1, max_lead);
    const std::uint64_t behind = server_.slowest_lag();
    return behind < lead ? lead - behind : 0;
}

asio::awaitable<void> Publisher::run() {
    while (!stopped_ && feed_) {
        const bool begun = options_.start_now || server_.connections_total() > 0;
        if (begun && started_ == SteadyClock::time_point{}) started_ = SteadyClock::now();
        for (std::uint64_t left = begun ? due() : 0; left > 0; --left) {
            std::optional<Frame> frame = feed_->next(now_micros().value);
            if (!frame) {
                server_.feed_ended(published_);
                co_return;
            }
            server_.publish(std::move(*frame));
            ++published_;
        }
        timer_.expires_after(tick);
        auto waited = co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
        static_cast<void>(waited);
    }
}

void Publisher::stop() {
    stopped_ = true;
    timer_.cancel();
}

}  // namespace subcults::sim
