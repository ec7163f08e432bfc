#include "net/session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace subcults::net {
namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t read_step = 16 * 1024;
constexpr std::size_t most_reserved = 64 * 1024;
// Answers of a pipeline are sent together up to this size; larger bodies are not copied at all.
constexpr std::size_t coalesce_limit = 64 * 1024;
// A refused request's body is read and dropped up to this size, so that the connection survives.
constexpr std::uint64_t discard_limit = 64 * 1024;
constexpr std::chrono::milliseconds backlog_grace{500};

}  // namespace

Session::Session(std::shared_ptr<ServerCore> core, tcp::socket socket, const tcp::endpoint& peer,
                 bool refused)
    : core_(std::move(core)),
      socket_(std::move(socket)),
      slot_(core_->enroll(*this, refused)),
      request_(head_, peer.address()),
      refused_(refused),
      from_backlog_(core_->stopping()) {}

Session::~Session() {
    core_->leave(slot_, refused_);
}

void Session::start(std::shared_ptr<Session> session) {
    auto executor = session->socket_.get_executor();
    auto core = session->core_;
    asio::co_spawn(executor, run(std::move(session)), [core](std::exception_ptr failure) {
        if (failure) core->report_exception(std::move(failure), "connection failed", nullptr, "");
    });
}

asio::awaitable<void> Session::run(std::shared_ptr<Session> self) {
    co_await self->serve();
}

void Session::on_deadline() noexcept {
    timed_out_ = true;
    error_code ignored;
    socket_.cancel(ignored);
}

void Session::begin_shutdown() noexcept {
    if (!idle_ || from_backlog_) return;
    error_code ignored;
    socket_.cancel(ignored);
}

void Session::abort() noexcept {
    error_code ignored;
    socket_.close(ignored);
}

void Session::arm(Deadline deadline) noexcept {
    timed_out_ = false;
    core_->arm(slot_, deadline);
}

void Session::arm(std::chrono::milliseconds delay) {
    arm(deadline_in(delay));
}

void Session::disarm() noexcept {
    core_->arm(slot_, ServerCore::no_deadline);
    timed_out_ = false;
}

asio::awaitable<void> Session::serve() {
    if (refused_) {
        request_.begin();
        started_ = SteadyClock::now();
        keep_ = false;
        Response busy = retry_response(503, "overloaded", "too many connections, try again later",
                                       request_.request_id, 1);
        queue(busy);
        unread_input_ = true;
        co_await linger();
        co_return;
    }
    finished_ = SteadyClock::now();
    for (;;) {
        HeadState state = take_head();
        if (state != HeadState::ready || out_.size() > coalesce_limit || !out_body_.empty()) {
            const bool flushed = co_await flush();
            if (!flushed) co_return;
        }
        bool head_armed = false;
        while (state == HeadState::incomplete) {
            const bool started = input_.size() != 0;
            if (!started) {
                auto patience =
                    fresh_ ? core_->options().header_timeout : core_->options().idle_timeout;
                if (from_backlog_) patience = std::min(patience, backlog_grace);
                input_.shrink();
                arm(finished_ + patience);
            } else if (!head_armed) {
                head_armed = true;
                arm(core_->options().header_timeout);
            }
            // An idle connection is closed at once on shutdown, unless bytes of a request are here.
            if (!started && core_->stopping() && !from_backlog_) {
                const std::size_t count = late_bytes();
                if (count == 0) co_return;
                state = take_head();
                continue;
            }
            idle_ = !started;
            const auto space = input_.space(InputBuffer::initial_capacity / 2);
            auto received = co_await socket_.async_read_some(space, no_throw);
            idle_ = false;
            const auto& [ec, count] = received;
            if (timed_out_ && started) break;  // 408
            if (ec) {
                if (ec != asio::error::operation_aborted || started || timed_out_) co_return;
                if (!core_->stopping() || !socket_.is_open()) co_return;
                continue;
            }
            fresh_ = false;
            input_.commit(count);
            state = take_head();
        }
        disarm();
        if (state != HeadState::ready) {
            answer_unparsed(state);
            co_await linger();
            co_return;
        }
        const bool stays = co_await serve_request();
        if (!stays) break;
    }
    co_await linger();
}

// What arrived between the decision to stop and now.
std::size_t Session::late_bytes() noexcept {
    error_code ec;
    const auto space = input_.space(InputBuffer::initial_capacity / 2);
    const std::size_t count = socket_.read_some(space, ec);
    if (ec) return 0;
    fresh_ = false;
    input_.commit(count);
    return count;
}

Session::HeadState Session::take_head() {
    while (input_.size() >= 2 && std::memcmp(input_.base(), "\r\n", 2) == 0) {
        input_.consume(2);  // blank lines before a request line are to be ignored
        scanned_ = 0;
    }
    const std::string_view text = input_.unread();
    if (text.empty()) return HeadState::incomplete;
    const std::size_t limit = core_->options().max_header_bytes;
    const std::size_t from = scanned_ > 3 ? scanned_ - 3 : 0;
    const void* const end = ::memmem(text.data() + from, text.size() - from, "\r\n\r\n", 4);
    if (end == nullptr) {
        if (text.size() >= limit) return HeadState::too_large;
        scanned_ = text.size();
        if (scanned_ >= check_at_) {
            // A peer that speaks another protocol is told so now, not after the timeout.
            if (MessageParser::hopeless(text, limit)) return HeadState::malformed;
            check_at_ = 2 * scanned_;
        }
        return HeadState::incomplete;
    }
    head_size_ = static_cast<std::size_t>(static_cast<const char*>(end) - text.data()) + 4;
    if (head_size_ > limit) return HeadState::too_large;
    parser_.emplace(head_, limit + 1);
    switch (parser_->parse_head(text.substr(0, head_size_))) {
        case MessageParser::Verdict::ok:
            return HeadState::ready;
        case MessageParser::Verdict::too_large:
            return HeadState::too_large;
        case MessageParser::Verdict::malformed:
            break;
    }
    return HeadState::malformed;
}

void Session::answer_unparsed(HeadState state) {
    started_ = SteadyClock::now();
    // For the log of the sender: the id it gave, if the head got that far.
    const std::size_t limit = core_->options().max_header_bytes;
    parser_.emplace(head_, limit);
    parser_->parse_head(input_.unread().substr(0, limit));
    request_.begin();
    match_.route = nullptr;
    keep_ = false;
    unread_input_ = true;
    Response response;
    switch (state) {
        case HeadState::too_large:
            response = error(431, "headers_too_large", "the request head is too large");
            break;
        case HeadState::malformed:
            response = error(400, "bad_request", "the request is not well-formed HTTP/1.1");
            break;
        default:
            response = error(408, "request_timeout", "the request head took too long to arrive");
            break;
    }
    queue(response);
}

void Session::finish_request() {
    input_.consume(head_size_ + body_size_);
    head_size_ = 0;
    body_size_ = 0;
    scanned_ = 0;
    check_at_ = 1;
    if (body_.capacity() > most_reserved) std::string().swap(body_);
    body_.clear();
}

asio::awaitable<bool> Session::serve_request() {
    started_ = SteadyClock::now();
    keep_ = head_.keep_alive && !core_->stopping();
    body_read_ = false;
    request_.begin();
    request_.deadline = started_ + core_->options().handler_timeout;
    std::optional<Response> refusal = check();
    if (refusal) {
        const bool stays = co_await refuse(std::move(*refusal));
        co_return stays;
    }
    const Route& route = *match_.route;
    if (body_pending()) {
        const BodyState body = co_await read_body(route.options.max_body_bytes);
        if (body == BodyState::gone) co_return false;
        if (body != BodyState::whole) {
            Response response;
            if (body == BodyState::timed_out) {
                response = error(408, "request_timeout", "the request body took too long");
            } else if (body == BodyState::too_large) {
                response = error(413, "payload_too_large", "the request body is too large");
            } else {
                response = error(400, "bad_request", "the request body is not well-formed");
            }
            keep_ = false;
            unread_input_ = true;
            queue(response);
            co_return false;
        }
        body_read_ = true;
        refusal = check_type(true);
        if (refusal) {
            const bool stays = co_await refuse(std::move(*refusal));
            co_return stays;
        }
    }
    // Asked again, because bodies take their time: the others may have filled the worker meanwhile.
    if (body_read_) {
        refusal = check_load();
        if (refusal) {
            const bool stays = co_await refuse(std::move(*refusal));
            co_return stays;
        }
    }
    if (!out_.empty()) flush_if_handler_waits();
    Response response;
    std::exception_ptr failure;
    // Scrapes and health checks take nobody's place.
    std::optional<LoadMeter::Place> place;
    if (!route.options.essential) place.emplace(core_->load());
    in_handler_ = true;
    try {
        response = co_await route.handler(request_);
    } catch (...) {
        failure = std::current_exception();
    }
    in_handler_ = false;
    place.reset();
    if (failure) {
        log_failure(std::move(failure));
        response = error(500, "internal_error", "something went wrong on our side");
    }
    queue(response);
    finish_request();
    co_return keep_;
}

asio::awaitable<bool> Session::refuse(Response response) {
    const bool pending = body_pending() && !body_read_;
    // Whoever asked before sending may or may not send after this answer: only closing is clear.
    if (pending && (head_.expect_continue || head_.content_length > discard_limit)) {
        keep_ = false;
        unread_input_ = true;
    }
    queue(response);
    if (pending && keep_) {
        const BodyState rest = co_await discard_body();
        if (rest != BodyState::whole) {
            keep_ = false;
            unread_input_ = true;
        }
    }
    finish_request();
    co_return keep_;
}

asio::awaitable<std::size_t> Session::receive(asio::mutable_buffer into) {
    auto received = co_await socket_.async_read_some(into, no_throw);
    const auto& [ec, count] = received;
    if (ec || timed_out_) co_return 0;
    co_return count;
}

// Ends the connection so that the last answer arrives: closing a socket with unread input resets
// it, and a reset may overtake the answer.
asio::awaitable<void> Session::linger() {
    const bool flushed = co_await flush();
    if (!flushed) co_return;
    error_code ec;
    socket_.shutdown(tcp::socket::shutdown_send, ec);
    if (ec) co_return;
    input_.clear();
    head_size_ = 0;
    if (!unread_input_) {
        const auto space = input_.space(InputBuffer::initial_capacity);
        socket_.read_some(space, ec);
        if (ec) co_return;
    }
    arm(core_->options().drain_timeout);
    std::size_t drained = 0;
    while (drained < core_->options().drain_bytes) {
        const auto space = input_.space(read_step);
        const std::size_t count = co_await receive(space);
        if (count == 0) break;
        drained += count;
    }
    disarm();
}

}  // namespace subcults::net
