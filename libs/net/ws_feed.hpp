// One established WebSocket connection, the same for plain and encrypted transports.
// Belongs to one thread. Every operation keeps the object alive until it has completed.
#pragma once

#include "net/ws_client.hpp"
#include "net/ws_layer.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace subcults::net {

class Feed {
  public:
    using ErrorCode = boost::system::error_code;
    using UpgradeResponse = boost::beast::websocket::response_type;

    virtual ~Feed() = default;
    // `tls`: the transport's own handshake; nothing to do for a plain one.
    virtual boost::asio::awaitable<ErrorCode> tls_handshake() = 0;
    virtual boost::asio::awaitable<ErrorCode> upgrade(const WsUrl& url,
                                                      UpgradeResponse& response) = 0;
    // Completes without suspending while whole messages are at hand.
    virtual boost::asio::awaitable<Result<WsFrame>> read() = 0;
    virtual boost::asio::awaitable<void> close() = 0;
    // At most one ping is under way; further ones are left out.
    virtual void ping() = 0;
    virtual bool open() const = 0;
    virtual void drop() noexcept = 0;
    virtual std::string close_reason() const = 0;
};

template <class Transport>
class FeedOver final : public Feed, public std::enable_shared_from_this<FeedOver<Transport>> {
    static constexpr bool encrypted = !std::is_same_v<Transport, boost::asio::ip::tcp::socket>;
    static constexpr std::size_t padding = 64;
    static constexpr std::size_t keep_at_most = 1024 * 1024;

  public:
    template <class... Args>
    FeedOver(const WsOptions& options, std::shared_ptr<FeedMeter> meter, Args&&... args)
        : ws_(std::move(meter), options.read_buffer_bytes, std::forward<Args>(args)...),
          usual_capacity_(options.read_buffer_bytes),
          longest_(options.max_message_bytes) {
        namespace websocket = boost::beast::websocket;
        namespace http = boost::beast::http;
        // Deadlines are the client's: the stream's own idle timer would re-arm on every frame and
        // would kill a connection whose reader pauses on purpose.
        websocket::stream_base::timeout timeouts{};
        timeouts.handshake_timeout = websocket::stream_base::none();
        timeouts.idle_timeout = websocket::stream_base::none();
        timeouts.keep_alive_pings = false;
        ws_.set_option(timeouts);
        ws_.auto_fragment(false);
        ws_.read_message_max(options.max_message_bytes);
        ws_.set_option(websocket::stream_base::decorator(
            [agent = options.user_agent,
             protocol = options.subprotocol](websocket::request_type& request) {
                request.set(http::field::user_agent, agent);
                if (protocol) request.set(http::field::sec_websocket_protocol, *protocol);
            }));
    }

    boost::asio::awaitable<ErrorCode> tls_handshake() override {
        const auto self = this->shared_from_this();
        if constexpr (encrypted) {
            auto result = co_await ws_.next_layer().next_layer().async_handshake(
                boost::asio::ssl::stream_base::client,
                boost::asio::as_tuple(boost::asio::use_awaitable));
            co_return std::get<0>(result);
        }
        co_return ErrorCode{};
    }

    boost::asio::awaitable<ErrorCode> upgrade(const WsUrl& url,
                                              UpgradeResponse& response) override {
        const auto self = this->shared_from_this();
        const std::string host = url.authority();
        auto result = co_await ws_.async_handshake(
            response, host, url.target, boost::asio::as_tuple(boost::asio::use_awaitable));
        co_return std::get<0>(result);
    }

    boost::asio::awaitable<Result<WsFrame>> read() override {
        const auto self = this->shared_from_this();
        // One huge message must not hold its memory for ever.
        if (capacity_ > keep_at_most && size_ <= usual_capacity_) capacity_ = 0;
        size_ = 0;
        // Not while a close handshake is reading from the same stream.
        const bool at_hand = ws_.is_open() && ws_.next_layer().next_message_is_whole();
        do {
            if (size_ == capacity_) grow();
            const boost::asio::mutable_buffer space(data_.get() + size_, capacity_ - size_);
            if (at_hand) {
                ErrorCode failed;
                size_ += ws_.read_some(space, failed);
                if (failed) co_return failed;
                continue;
            }
            auto received = co_await ws_.async_read_some(
                space, boost::asio::as_tuple(boost::asio::use_awaitable));
            const auto& [ec, count] = received;
            if (ec) co_return ec;
            size_ += count;
        } while (!ws_.is_message_done());
        WsFrame frame;
        // The stream itself has seen binary frames only.
        frame.binary = !ws_.next_layer().message_was_text();
        ws_.next_layer().message_taken();
        std::memset(data_.get() + size_, 0, padding);
        frame.data = std::string_view(data_.get(), size_);
        co_return frame;
    }

    boost::asio::awaitable<void> close() override {
        const auto self = this->shared_from_this();
        if (!ws_.is_open()) co_return;
        const boost::beast::websocket::close_reason reason(
            boost::beast::websocket::close_code::normal);
        co_await ws_.async_close(reason, boost::asio::as_tuple(boost::asio::use_awaitable));
    }

    void ping() override {
        if (pinging_ || !ws_.is_open()) return;
        pinging_ = true;
        ws_.async_ping(
            {}, [self = this->shared_from_this()](const ErrorCode&) { self->pinging_ = false; });
    }

    bool open() const override { return ws_.is_open(); }

    void drop() noexcept override {
        ErrorCode ignored;
        boost::beast::get_lowest_layer(ws_).close(ignored);
    }

    std::string close_reason() const override {
        const auto& reason = ws_.reason();
        if (reason.code == boost::beast::websocket::close_code::none) return {};
        std::string text = std::to_string(static_cast<unsigned>(reason.code));
        if (!reason.reason.empty()) {
            text += ' ';
            text.append(reason.reason.data(), reason.reason.size());
        }
        return text;
    }

  private:
    void grow() {
        const std::size_t wanted =
            std::max(usual_capacity_, std::min(2 * capacity_, longest_ + padding));
        std::unique_ptr<char[]> larger(new char[wanted + padding]);
        if (size_ != 0) std::memcpy(larger.get(), data_.get(), size_);
        data_ = std::move(larger);
        capacity_ = wanted;
    }

    boost::beast::websocket::stream<BufferedLayer<Transport>, false> ws_;
    std::unique_ptr<char[]> data_;
    std::size_t capacity_ = 0;
    std::size_t size_ = 0;
    std::size_t usual_capacity_;
    std::size_t longest_;
    bool pinging_ = false;
};

}  // namespace subcults::net
