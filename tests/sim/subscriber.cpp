#include "sim/subscriber.hpp"

#include "base/time.hpp"

#include <boost/asio.hpp>

#include <algorithm>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace subcults::sim {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;

constexpr auto awaited = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t max_update_bytes = 10'000'000;

// What ends a background coroutine of a subscriber ends the subscriber anyway.
void ignore_end(std::exception_ptr) {}

}  // namespace

Subscriber::Subscriber(Server& server, beast::tcp_stream stream, SubscribeRequest request)
    : server_(server),
      stream_(std::move(stream)),
      wake_timer_(stream_.get_executor()),
      ping_timer_(stream_.get_executor()),
      subscription_(std::move(request.subscription)),
      hello_pending_(request.require_hello) {
    const Timeline& timeline = server.timeline();
    position_ = request.cursor ? timeline.begin() : timeline.end();
    replay_end_ = timeline.end();
    cursor_ = request.cursor.value_or(0);
    stream_.auto_fragment(false);
    stream_.read_message_max(max_update_bytes);
}

asio::awaitable<void> Subscriber::run(std::shared_ptr<Subscriber> self, UpgradeRequest upgrade) {
    beast::get_lowest_layer(self->stream_).expires_never();
    auto accepted = co_await self->stream_.async_accept(upgrade, awaited);
    if (std::get<0>(accepted)) {
        self->over_ = true;
        co_return;
    }
    self->upgraded_ = true;
    auto executor = self->stream_.get_executor();
    asio::co_spawn(executor, read_updates(self), ignore_end);
    asio::co_spawn(executor, send_pings(self), ignore_end);

    while (!self->over_ && !self->closing_) {
        const std::shared_ptr<const Frame> frame = self->next_frame();
        if (!frame) {
            if (self->over_) break;
            self->waiting_ = true;
            self->wake_timer_.expires_at(SteadyClock::time_point::max());
            auto woken = co_await self->wake_timer_.async_wait(awaited);
            static_cast<void>(woken);
            continue;
        }
        self->stream_.text(true);
        auto written = co_await self->stream_.async_write(asio::buffer(frame->text), awaited);
        if (std::get<0>(written)) break;
        ++self->server_.sent_;
    }
    // While closing, the close handshake and the reader still need the stream.
    if (!self->closing_) self->drop();
    while (!self->over_) {
        self->waiting_ = true;
        self->wake_timer_.expires_at(SteadyClock::time_point::max());
        auto woken = co_await self->wake_timer_.async_wait(awaited);
        static_cast<void>(woken);
    }
}

std::shared_ptr<const Frame> Subscriber::next_frame() {
    if (server_.stalled_ || hello_pending_) return nullptr;
    const Timeline& timeline = server_.timeline();
    while (position_ != timeline.end()) {
        if (position_ < timeline.begin()) {
            // A replay begins at the oldest frame and may lose it before it has sent anything.
            ++server_.dropped_slow_;
            server_.log_.warn("subscriber fell behind",
                              {{"position", position_}, {"oldest", timeline.begin()}});
            drop();
            return nullptr;
        }
        const bool replaying = position_ < replay_end_;
        std::shared_ptr<const Frame> frame = timeline.at(position_++);
        if (replaying && frame->time_us < cursor_) continue;
        if (subscription_.wants(*frame)) return frame;
    }
    return nullptr;
}

asio::awaitable<void> Subscriber::read_updates(std::shared_ptr<Subscriber> self) {
    beast::flat_buffer buffer;
    for (;;) {
        buffer.clear();
        auto received = co_await self->stream_.async_read(buffer, awaited);
        if (std::get<0>(received)) break;
        if (self->closing_) continue;
        const std::string_view message(static_cast<const char*>(buffer.data().data()),
                                       buffer.size());
        std::string problem;
        const UpdateResult result = read_options_update(message, self->subscription_, problem);
        if (result == UpdateResult::invalid) {
            // A control frame holds 123 bytes of reason.
            problem.resize(std::min<std::size_t>(problem.size(), 120));
            self->close({websocket::close_code::normal, problem});
        } else if (result == UpdateResult::applied) {
            self->hello_pending_ = false;
            self->wake();
        }
    }
    self->drop();
}

asio::awaitable<void> Subscriber::send_pings(std::shared_ptr<Subscriber> self) {
    const std::chrono::seconds interval = self->server_.options_.ping_interval;
    while (interval.count() > 0 && !self->over_ && !self->closing_) {
        self->ping_timer_.expires_after(interval);
        auto waited = co_await self->ping_timer_.async_wait(awaited);
        if (std::get<0>(waited) || self->over_ || self->closing_) break;
        if (self->server_.stalled_) continue;
        websocket::ping_data payload;
        auto sent = co_await self->stream_.async_ping(payload, awaited);
        if (std::get<0>(sent)) break;
    }
}

void Subscriber::wake() {
    if (!waiting_) return;
    waiting_ = false;
    wake_timer_.cancel();
}

void Subscriber::drop() {
    over_ = true;
    beast::get_lowest_layer(stream_).close();
    ping_timer_.cancel();
    wake();
}

void Subscriber::say_goodbye() {
    close({websocket::close_code::going_away, "server is stopping"});
}

void Subscriber::close(websocket::close_reason reason) {
    if (closing_ || over_) return;
    if (!upgraded_) {
        drop();
        return;
    }
    closing_ = true;
    ping_timer_.cancel();
    auto self = shared_from_this();
    auto finished = [self](beast::error_code) { self->drop(); };
    stream_.async_close(reason, std::move(finished));
    wake();
}

}  // namespace subcults::sim
