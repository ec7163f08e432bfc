#include "livekit/webhook_sender.hpp"

#include "livekit/access.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <stdexcept>

namespace subcults::livekit_stub {

namespace asio = boost::asio;

namespace {

constexpr int most_attempts = 5;
constexpr std::size_t queue_depth = 200;
constexpr std::size_t history_length = 1000;
constexpr std::chrono::seconds patience{30};

bool delivered(unsigned status) {
    return status != 429 && (status < 500 || status == 501);
}

}  // namespace

WebhookSender::WebhookSender(asio::io_context& io, std::string api_key, std::string secret,
                             Log& log)
    : io_(io), api_key_(std::move(api_key)), secret_(std::move(secret)), log_(log) {}

WebhookSender::~WebhookSender() = default;

void WebhookSender::set_url(const std::string& url) {
    client_.reset();
    if (url.empty()) return;
    const auto parsed = net::WsUrl::parse(url);
    if (!parsed) throw std::invalid_argument("not a URL");
    target_ = parsed->target;
    net::HttpClientOptions options;
    options.user_agent = "LiveKit";
    options.max_connections = 256;
    options.max_idle = 8;
    client_ = std::make_shared<net::HttpClient>(io_.get_executor(), *parsed, options);
}

std::size_t WebhookSender::queued() const noexcept {
    std::size_t count = held_.size();
    for (const auto& [room, queue] : queues_)
        count += queue.bodies.size() + (queue.running ? 1 : 0);
    return count;
}

void WebhookSender::send(const std::string& room, std::string body) {
    if (stopping_) return;
    Item item{room, std::move(body)};
    history_.push_back(item);
    if (history_.size() > history_length) history_.pop_front();
    if (holding_) {
        held_.push_back(std::move(item));
        return;
    }
    enqueue(item.room, std::move(item.body));
}

void WebhookSender::release(bool reversed) {
    holding_ = false;
    if (reversed) std::reverse(held_.begin(), held_.end());
    for (Item& item : std::exchange(held_, {}))
        enqueue(item.room, std::move(item.body));
}

void WebhookSender::replay(std::size_t count) {
    const std::size_t from = history_.size() - std::min(count, history_.size());
    for (std::size_t i = from; i < history_.size(); ++i)
        enqueue(history_[i].room, history_[i].body);
}

void WebhookSender::enqueue(const std::string& room, std::string body) {
    Queue& queue = queues_[room];
    if (queue.bodies.size() >= queue_depth) {
        ++stats_.dropped;
        return;
    }
    queue.bodies.push_back(std::move(body));
    if (queue.running) return;
    queue.running = true;
    asio::co_spawn(io_, drain(room), [this](std::exception_ptr failure) {
        if (failure) log_.error("webhook queue ended by an exception");
    });
}

asio::awaitable<void> WebhookSender::drain(std::string room) {
    Queue& queue = queues_[room];
    while (!queue.bodies.empty() && !stopping_) {
        std::string body = std::move(queue.bodies.front());
        queue.bodies.pop_front();
        co_await deliver(std::move(body));
    }
    queue.running = false;
}

asio::awaitable<void> WebhookSender::deliver(std::string body) {
    asio::steady_timer pause(io_);
    for (int attempt = 0; attempt < most_attempts && client_ && !stopping_; ++attempt) {
        if (attempt > 0) {
            pause.expires_after(retry_base_ * (1 << (attempt - 1)));
            co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
        }
        const auto client = client_;
        if (!client) break;
        net::HttpCall call;
        call.target = target_;
        call.headers.emplace_back("Content-Type", "application/webhook+json");
        call.headers.emplace_back("Authorization",
                                  sign_webhook(body, api_key_, secret_, now_ms() / 1000));
        call.body = body;
        ++stats_.attempts;
        auto reply = co_await client->send(std::move(call), deadline_in(patience));
        if (!reply) continue;
        ++stats_.statuses[reply->status];
        if (!delivered(reply->status)) continue;
        ++stats_.delivered;
        co_return;
    }
    ++stats_.given_up;
}

void WebhookSender::stop() {
    stopping_ = true;
    if (client_) client_->close();
}

}  // namespace subcults::livekit_stub
