// Sends webhooks the way LiveKit does: one queue per room, one event at a time, up to five tries
// with doubling pauses when the receiver cannot be reached or answers 429 or 5xx (but 501); any
// other answer is a delivery. A queue of 200 drops what comes next.
#pragma once

#include "base/log.hpp"
#include "livekit/rooms.hpp"
#include "net/http_client.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace subcults::livekit_stub {

struct SenderStats {
    std::uint64_t attempts = 0;
    std::uint64_t delivered = 0;
    std::uint64_t given_up = 0;
    std::uint64_t dropped = 0;
    std::map<unsigned, std::uint64_t> statuses;
};

class WebhookSender {
  public:
    WebhookSender(boost::asio::io_context& io, std::string api_key, std::string secret, Log& log);
    ~WebhookSender();

    // Empty = send nothing.
    void set_url(const std::string& url);
    void set_retry_base(std::chrono::milliseconds base) { retry_base_ = base; }
    void send(const std::string& room, std::string body);
    // Keeps what comes back; released in the order of their coming, or reversed.
    void hold() { holding_ = true; }
    void release(bool reversed);
    // Sends the last `count` events once more, ids and all.
    void replay(std::size_t count);
    void stop();

    const SenderStats& stats() const noexcept { return stats_; }
    std::size_t queued() const noexcept;

  private:
    struct Item {
        std::string room;
        std::string body;
    };
    struct Queue {
        std::deque<std::string> bodies;
        bool running = false;
    };
    void enqueue(const std::string& room, std::string body);
    boost::asio::awaitable<void> drain(std::string room);
    boost::asio::awaitable<void> deliver(std::string body);

    boost::asio::io_context& io_;
    std::string api_key_;
    std::string secret_;
    Log& log_;
    std::shared_ptr<net::HttpClient> client_;
    std::string target_;
    std::chrono::milliseconds retry_base_{1000};
    std::map<std::string, Queue> queues_;
    std::vector<Item> held_;
    std::deque<Item> history_;
    bool holding_ = false;
    bool stopping_ = false;
    SenderStats stats_;
};

}  // namespace subcults::livekit_stub
