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
constexpr unsigned repeat_percent = 3;

// What ends a background coroutine of a subscriber ends the subscriber anyway.
void ignore_end(std::exception_ptr) {}

}  // namespace

Subscriber::Subscriber(Server& server, beast::tcp_stream stream, SubscribeRequest request)
    : server_(server),
      stream_(std::move(stream)),
      wake_timer_(stream_.get_executor()),
      ping_timer_(stream_.get_executor()),
      subscription_(std::move(request.subscription)),
      compress_(request.compress),
      hello_pending_(request.require_hello) {
    const ServerOptions& options = server.options_;
    ReplayRules rules;
    rules.v2_host = options.v2_host;
    rules.segment_events = options.segment_events;
    rules.first_seq = options.first_seq;
    replay_ = plan_replay(server.timeline(), request.cursor, rules);
    position_ = replay_.begin;
    if (replay_.gap) ++server.counters_.gaps;
    if (replay_.jumped_back) ++server.counters_.jumps_back;
    if (options.shuffle_window > 1 && replay_.begin < replay_.end) {
        const std::uint64_t seed = options.shuffle_seed + server.counters_.connections_total;
        disorder_.emplace(seed, options.shuffle_window, repeat_percent);
    }
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

    while (!self->over_ && !self->closing_ && !self->silenced_) {
        const std::shared_ptr<const Frame> frame = self->next_frame();
        if (!frame) {
            if (self->over_) break;
            self->waiting_ = true;
            self->wake_timer_.expires_at(SteadyClock::time_point::max());
            auto woken = co_await self->wake_timer_.async_wait(awaited);
            static_cast<void>(woken);
            continue;
        }
        if (self->compress_) {
            const std::vector<std::string> messages = self->compressed(*frame);
            const bool sent = co_await send_binary(self, messages);
            if (!sent) break;
            // Too large for this subscriber once compressed: passed over, as real servers do.
            if (messages.empty()) continue;
            ++self->server_.counters_.sent_compressed;
        } else {
            self->stream_.text(true);
            auto written = co_await self->stream_.async_write(asio::buffer(frame->text), awaited);
            if (std::get<0>(written)) break;
        }
        ++self->server_.counters_.sent;
    }
    // While closing, the close handshake and the reader still need the stream.
    if (!self->closing_ && !self->silenced_) self->drop();
    while (!self->over_) {
        self->waiting_ = true;
        self->wake_timer_.expires_at(SteadyClock::time_point::max());
        auto woken = co_await self->wake_timer_.async_wait(awaited);
        static_cast<void>(woken);
    }
}

asio::awaitable<bool> Subscriber::send_binary(std::shared_ptr<Subscriber> self,
                                              const std::vector<std::string>& messages) {
    self->stream_.binary(true);
    for (const std::string& message : messages) {
        auto written = co_await self->stream_.async_write(asio::buffer(message), awaited);
        if (std::get<0>(written)) co_return false;
    }
    co_return true;
}

std::vector<std::string> Subscriber::compressed(const Frame& frame) {
    std::vector<std::string> messages;
    std::string message = server_.compressor_->compress(frame.text);
    if (!subscription_.fits(message.size())) return messages;
    if (server_.to_damage_ > 0) {
        --server_.to_damage_;
        ++server_.counters_.damaged;
        messages.push_back(message.substr(0, message.size() - message.size() / 3));
    }
    messages.push_back(std::move(message));
    return messages;
}

std::shared_ptr<const Frame> Subscriber::next_frame() {
    if (server_.stalled_ || hello_pending_) return nullptr;
    if (disorder_) {
        if (auto frame = shuffled_replay()) return frame;
        if (over_) return nullptr;
        disorder_.reset();
    }
    return pull(server_.timeline().end());
}

std::shared_ptr<const Frame> Subscriber::shuffled_replay() {
    while (disorder_->wants_more()) {
        auto frame = pull(replay_.end);
        if (!frame) break;
        disorder_->push(std::move(frame));
    }
    if (over_ || disorder_->empty()) return nullptr;
    Disorder::Picked picked = disorder_->pop();
    if (picked.moved) ++server_.counters_.reordered;
    if (picked.repeated) ++server_.counters_.repeated;
    return std::move(picked.frame);
}

std::shared_ptr<const Frame> Subscriber::pull(std::uint64_t end) {
    const Timeline& timeline = server_.timeline();
    while (position_ < end) {
        if (position_ < timeline.begin()) {
            // A replay begins at the oldest frame and may lose it before it has sent anything.
            ++server_.counters_.dropped_slow;
            server_.log_.warn("subscriber fell behind",
                              {{"position", position_}, {"oldest", timeline.begin()}});
            drop();
            return nullptr;
        }
        const bool replaying = position_ < replay_.end;
        std::shared_ptr<const Frame> frame = timeline.at(position_++);
        if (!frame || (replaying && frame->time_us < replay_.from_time)) continue;
        if (!compress_ && !subscription_.fits(frame->text.size())) continue;
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
    if (!self->silenced_) self->drop();
}

asio::awaitable<void> Subscriber::send_pings(std::shared_ptr<Subscriber> self) {
    const std::chrono::seconds interval = self->server_.options_.ping_interval;
    while (interval.count() > 0 && !self->over_ && !self->closing_ && !self->silenced_) {
        self->ping_timer_.expires_after(interval);
        auto waited = co_await self->ping_timer_.async_wait(awaited);
        if (std::get<0>(waited) || self->over_ || self->closing_ || self->silenced_) break;
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

bool Subscriber::silence() {
    if (silenced_ || over_ || closing_ || !upgraded_) return false;
    silenced_ = true;
    // A pending read would go on answering pings.
    beast::get_lowest_layer(stream_).cancel();
    ping_timer_.cancel();
    wake();
    return true;
}

void Subscriber::say_goodbye() {
    if (silenced_) return drop();
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
