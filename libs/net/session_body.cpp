// Reading and discarding request bodies.
#include "net/session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace subcults::net {
namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using boost::system::error_code;

namespace {

// Up to here a body is kept in the read buffer, behind its head, and handed out without a copy.
constexpr std::uint64_t in_place_body = 16 * 1024;
constexpr std::size_t read_step = 16 * 1024;
constexpr std::size_t most_reserved = 64 * 1024;
// A refused request's body is read and dropped up to this size, so that the connection survives.
constexpr std::uint64_t discard_limit = 64 * 1024;

}  // namespace

asio::awaitable<Session::BodyState> Session::read_body(std::uint64_t limit) {
    const auto ended = [this] { return timed_out_ ? BodyState::timed_out : BodyState::gone; };
    const std::size_t here = input_.size() - head_size_;
    const bool whole = !head_.chunked && here >= head_.content_length;
    if (!whole) {
        if (head_.expect_continue && here == 0) out_.append("HTTP/1.1 100 Continue\r\n\r\n");
        const bool flushed = co_await flush();
        if (!flushed) co_return BodyState::gone;
        arm(core_->options().body_timeout);
    }
    if (head_.chunked) {
        const BodyState state = co_await read_chunks(limit, true);
        if (state == BodyState::whole) request_.set_body(body_);
        co_return state;
    }
    if (whole || head_.content_length <= in_place_body) {
        body_size_ = static_cast<std::size_t>(head_.content_length);
        const std::size_t total = head_size_ + body_size_;
        while (input_.size() < total) {
            const auto space = input_.space(total - input_.size());
            head_.rebase(input_.base());
            const std::size_t count = co_await receive(space);
            if (count == 0) co_return ended();
            input_.commit(count);
        }
        if (!whole) disarm();
        request_.set_body(input_.unread().substr(head_size_, body_size_));
        co_return BodyState::whole;
    }
    const auto length = static_cast<std::size_t>(head_.content_length);
    body_.assign(input_.unread().substr(head_size_));
    input_.remove(head_size_, body_.size());
    std::size_t filled = body_.size();
    while (filled < length) {
        // Memory follows what really arrives, not what the head promises.
        if (filled == body_.size()) {
            body_.resize(std::min(length, std::max(2 * filled, most_reserved)));
        }
        const auto space = asio::buffer(body_.data() + filled, body_.size() - filled);
        const std::size_t count = co_await receive(space);
        if (count == 0) co_return ended();
        filled += count;
    }
    disarm();
    request_.set_body(body_);
    co_return BodyState::whole;
}

asio::awaitable<Session::BodyState> Session::read_chunks(std::uint64_t limit, bool keep) {
    body_.clear();
    parser_->start_chunks(limit, keep ? &body_ : nullptr);
    for (;;) {
        const std::string_view rest = input_.unread().substr(head_size_);
        if (!rest.empty()) {
            const auto progress = parser_->put_chunks(rest);
            input_.remove(head_size_, progress.consumed);
            if (progress.too_large) co_return BodyState::too_large;
            if (progress.bad) co_return BodyState::malformed;
            if (progress.done) break;
            // What is left is an unfinished chunk header or trailer: those are bounded like heads.
            if (input_.size() - head_size_ > core_->options().max_header_bytes) {
                co_return BodyState::malformed;
            }
        }
        const auto space = input_.space(read_step);
        head_.rebase(input_.base());
        const std::size_t count = co_await receive(space);
        if (count == 0) co_return timed_out_ ? BodyState::timed_out : BodyState::gone;
        input_.commit(count);
    }
    disarm();
    co_return BodyState::whole;
}

asio::awaitable<Session::BodyState> Session::discard_body() {
    const bool flushed = co_await flush();
    if (!flushed) co_return BodyState::gone;
    arm(core_->options().body_timeout);
    if (head_.chunked) {
        const BodyState state = co_await read_chunks(discard_limit, false);
        co_return state;
    }
    auto left = static_cast<std::size_t>(head_.content_length);
    for (;;) {
        const std::size_t part = std::min(left, input_.size() - head_size_);
        input_.remove(head_size_, part);
        left -= part;
        if (left == 0) break;
        const auto space = input_.space(InputBuffer::initial_capacity);
        const std::size_t count = co_await receive(space);
        if (count == 0) co_return BodyState::gone;
        input_.commit(count);
    }
    disarm();
    co_return BodyState::whole;
}

}  // namespace subcults::net
