// A read buffer between the WebSocket stream and its transport.
//
// The stream above asks for about 1.5 KB at a time; this layer fetches tens of kilobytes with one
// system call and counts what arrives. While the upgrade is being answered it stops exactly at the
// end of the response head, because the stream above cannot keep a large amount of early frames.
//
// It also knows when the next message is here as a whole. Reading that one synchronously saves the
// stream above two passes through the scheduler, each of which would poll the kernel.
#pragma once

#include "base/time.hpp"
#include "net/ws_scanner.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/websocket/stream_base.hpp>
#include <boost/beast/websocket/teardown.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace subcults::net {

struct FeedMeter {
    std::uint64_t bytes = 0;
    SteadyClock::time_point last_heard{};
};

template <class Next>
class BufferedLayer {
  public:
    using executor_type = typename Next::executor_type;
    using next_layer_type = Next;
    using ErrorCode = boost::system::error_code;

    template <class... Args>
    BufferedLayer(std::shared_ptr<FeedMeter> meter, std::size_t capacity, Args&&... args)
        : next_(std::forward<Args>(args)...),
          meter_(std::move(meter)),
          data_(new char[capacity]),
          capacity_(capacity) {}

    executor_type get_executor() noexcept { return next_.get_executor(); }
    Next& next_layer() noexcept { return next_; }
    const Next& next_layer() const noexcept { return next_; }

    template <class Buffers, class Token>
    auto async_read_some(const Buffers& buffers, Token&& token) {
        return boost::asio::async_compose<Token, void(ErrorCode, std::size_t)>(
            ReadOp<Buffers>(*this, buffers), token, next_);
    }
    template <class Buffers, class Token>
    auto async_write_some(const Buffers& buffers, Token&& token) {
        return next_.async_write_some(buffers, std::forward<Token>(token));
    }

    // While this is true a synchronous read of one message finds everything it needs here.
    bool next_message_is_whole() const noexcept { return scanner_.next_is_whole(); }
    // Of the message that the stream above has just delivered.
    bool message_was_text() const noexcept { return scanner_.next_was_text(); }
    void message_taken() noexcept { scanner_.take(); }

    template <class Buffers>
    std::size_t read_some(const Buffers& buffers, ErrorCode& ec) {
        ec = {};
        if (begin_ == end_) {
            ec = boost::asio::error::would_block;
            return 0;
        }
        return take(buffers);
    }
    template <class Buffers>
    std::size_t read_some(const Buffers& buffers) {
        ErrorCode ec;
        const std::size_t count = read_some(buffers, ec);
        if (ec) throw boost::system::system_error(ec);
        return count;
    }
    // Only the close frame after a protocol error comes this way; the transport does not block.
    template <class Buffers>
    std::size_t write_some(const Buffers& buffers, ErrorCode& ec) {
        return next_.write_some(buffers, ec);
    }
    template <class Buffers>
    std::size_t write_some(const Buffers& buffers) {
        return next_.write_some(buffers);
    }

  private:
    template <class Buffers>
    class ReadOp {
      public:
        ReadOp(BufferedLayer& layer, const Buffers& buffers) : layer_(layer), buffers_(buffers) {}

        template <class Self>
        void operator()(Self& self) {
            if (!started_) {
                started_ = true;
                if (layer_.begin_ == layer_.end_ && boost::asio::buffer_size(buffers_) != 0) {
                    layer_.next_.async_read_some(
                        boost::asio::buffer(layer_.data_.get(), layer_.capacity_), std::move(self));
                    return;
                }
                // Completing here would call back into the operation that is just starting this.
                boost::asio::post(layer_.get_executor(), std::move(self));
                return;
            }
            self.complete(ErrorCode{}, layer_.take(buffers_));
        }
        template <class Self>
        void operator()(Self& self, ErrorCode ec, std::size_t count) {
            layer_.fill(count);
            const std::size_t taken = layer_.take(buffers_);
            self.complete(taken == 0 ? ec : ErrorCode{}, taken);
        }

      private:
        BufferedLayer& layer_;
        Buffers buffers_;
        bool started_ = false;
    };

    void fill(std::size_t count) {
        begin_ = 0;
        end_ = count;
        if (count == 0) return;
        meter_->bytes += count;
        meter_->last_heard = SteadyClock::now();
        if (matched_ == head_end.size()) scan();
    }

    void scan() { scanner_.feed(std::span<char>(data_.get() + begin_, end_ - begin_)); }

    template <class Buffers>
    std::size_t take(const Buffers& buffers) {
        std::size_t most = end_ - begin_;
        const bool gated = matched_ < head_end.size();
        if (gated) {
            most = std::min(most, boost::asio::buffer_size(buffers));
            most = up_to_head_end(most);
        }
        const std::size_t count = boost::asio::buffer_copy(
            buffers, boost::asio::const_buffer(data_.get() + begin_, most));
        begin_ += count;
        if (gated && matched_ == head_end.size()) scan();
        return count;
    }

    std::size_t up_to_head_end(std::size_t most) noexcept {
        for (std::size_t i = 0; i < most; ++i) {
            const char c = data_[begin_ + i];
            if (c == head_end[matched_]) {
                if (++matched_ == head_end.size()) return i + 1;
            } else {
                matched_ = c == '\r' ? 1 : 0;
            }
        }
        return most;
    }

    static constexpr std::string_view head_end = "\r\n\r\n";

    Next next_;
    std::shared_ptr<FeedMeter> meter_;
    MessageScanner scanner_;
    std::unique_ptr<char[]> data_;
    std::size_t capacity_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t matched_ = 0;
};

// How the stream above ends the transport; found by argument-dependent lookup.
// The synchronous one follows a protocol error, and waiting for the peer would stop the thread.
template <class Next>
void teardown(boost::beast::role_type, BufferedLayer<Next>& layer, boost::system::error_code& ec) {
    boost::beast::get_lowest_layer(layer).close(ec);
}

template <class Next, class Handler>
void async_teardown(boost::beast::role_type role, BufferedLayer<Next>& layer, Handler&& handler) {
    using boost::beast::websocket::async_teardown;
    async_teardown(role, layer.next_layer(), std::forward<Handler>(handler));
}

}  // namespace subcults::net
