// Answers on their way out: coalesced for pipelines, sent at once, the rest when there is room.
#include "net/session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace subcults::net {
namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t most_reserved = 64 * 1024;
constexpr std::size_t separate_body = 16 * 1024;
// A slow but steady reader of a large answer gets a new write timeout for every such piece.
constexpr std::size_t write_progress = 256 * 1024;

}  // namespace

void Session::queue(Response& response) {
    if (response.status < 200 || response.status > 599) response.status = 500;
    if (response.close || core_->stopping()) keep_ = false;
    const bool head_only = head_.method == Method::head;
    const bool separate = !head_only && response.body.size() > separate_body;
    AnswerFrame frame;
    frame.date_line = core_->date_line();
    frame.common_headers = core_->options().common_headers;
    frame.request_id = request_.request_id;
    frame.more_headers = &request_.answer_headers;
    frame.head_only = head_only;
    if (!keep_) {
        frame.connection = ConnectionLine::close;
    } else if (!head_.http11) {
        frame.connection = ConnectionLine::keep_alive;
    }
    const std::size_t before = out_.size();
    append_response(out_, response, frame, separate);
    RequestFacts facts{};
    facts.response_bytes = out_.size() - before;
    if (separate && has_body(response.status)) {
        out_body_ = std::move(response.body);
        out_body_sent_ = 0;
        facts.response_bytes += out_body_.size();
    }
    finished_ = SteadyClock::now();
    facts.method = head_.method;
    facts.route = match_.route;
    facts.status = response.status;
    facts.seconds = std::chrono::duration<double>(finished_ - started_).count();
    facts.request_id = request_.request_id;
    facts.trace = request_.trace.self;
    // Before the first byte leaves: whoever has the answer finds it counted.
    core_->report(facts);
}

Session::Sent Session::send_now() noexcept {
    while (out_sent_ < out_.size() || out_body_sent_ < out_body_.size()) {
        const std::array<asio::const_buffer, 2> buffers{
            asio::const_buffer(out_.data() + out_sent_, out_.size() - out_sent_),
            asio::const_buffer(out_body_.data() + out_body_sent_,
                               out_body_.size() - out_body_sent_)};
        error_code ec;
        const std::size_t count = out_body_.empty()
                                      ? socket_.write_some(asio::buffer(buffers[0]), ec)
                                      : socket_.write_some(buffers, ec);
        if (ec == asio::error::would_block || ec == asio::error::try_again) return Sent::partly;
        if (ec) return Sent::failed;
        const std::size_t head_part = std::min(count, out_.size() - out_sent_);
        out_sent_ += head_part;
        out_body_sent_ += count - head_part;
    }
    out_.clear();
    out_sent_ = 0;
    if (out_.capacity() > most_reserved) std::string().swap(out_);
    if (!out_body_.empty()) std::string().swap(out_body_);
    out_body_sent_ = 0;
    return Sent::all;
}

asio::awaitable<bool> Session::flush() {
    if (out_.empty()) co_return true;
    const Sent sent = send_now();
    if (sent == Sent::partly) {
        const bool flushed = co_await flush_rest();
        co_return flushed;
    }
    co_return sent == Sent::all;
}

asio::awaitable<bool> Session::flush_rest() {
    arm(core_->options().write_timeout);
    std::size_t milestone = out_sent_ + out_body_sent_ + write_progress;
    for (;;) {
        auto waited = co_await socket_.async_wait(tcp::socket::wait_write, no_throw);
        const auto& [ec] = waited;
        if (ec || timed_out_) co_return false;
        const std::size_t before = out_sent_ + out_body_sent_;
        const Sent sent = send_now();
        if (sent == Sent::failed) co_return false;
        if (sent == Sent::all) break;
        if (before >= milestone) {
            milestone = before + write_progress;
            arm(core_->options().write_timeout);
        }
    }
    disarm();
    co_return true;
}

// A pipelined request whose handler waits must not hold back the answers before it: the posted
// function runs only if the coroutine has given up the thread by then.
void Session::flush_if_handler_waits() {
    if (flush_posted_) return;
    flush_posted_ = true;
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
        self->flush_posted_ = false;
        if (self->in_handler_ && !self->out_.empty()) self->send_now();
    });
}

}  // namespace subcults::net
