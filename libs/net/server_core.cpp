#include "net/server_core.hpp"

#include "net/session.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

namespace subcults::net {
namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t accepts_per_wake = 128;
// Refused connections linger shortly so that their 503 is read; beyond this many they are dropped.
constexpr std::size_t max_refusing = 256;
constexpr std::chrono::milliseconds accept_rest{50};

std::int64_t unix_seconds() {
    using std::chrono::system_clock;
    return std::chrono::duration_cast<std::chrono::seconds>(system_clock::now().time_since_epoch())
        .count();
}

std::chrono::milliseconds sweep_interval(const ServerOptions& options) {
    const auto shortest =
        std::min({options.header_timeout, options.body_timeout, options.idle_timeout,
                  options.write_timeout, options.drain_timeout});
    return std::clamp(shortest / 4, std::chrono::milliseconds(5), std::chrono::milliseconds(100));
}

error_code bind_and_listen(tcp::acceptor& acceptor, const tcp::endpoint& endpoint,
                           bool reuse_port) {
    error_code ec;
    acceptor.open(endpoint.protocol(), ec);
    if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec && reuse_port) {
        const int on = 1;
        if (::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
            ec.assign(errno, boost::system::system_category());
        }
    }
    if (!ec) acceptor.bind(endpoint, ec);
    if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
    if (!ec) acceptor.non_blocking(true, ec);
    return ec;
}

}  // namespace

std::string join_methods(const std::vector<Method>& methods) {
    std::string text;
    for (const Method method : methods) {
        if (!text.empty()) text += ", ";
        text += to_string(method);
    }
    return text;
}

ServerCore::ServerCore(asio::io_context& io, const Router& router, ServerOptions options,
                       ServerHooks hooks, Log& log)
    : io_(io),
      router_(router),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      log_(log),
      load_(options_.load),
      acceptor_(io),
      sweep_timer_(io),
      accept_timer_(io),
      sweep_interval_(sweep_interval(options_)) {
    date_.refresh(unix_seconds());
}

Result<void, std::string> ServerCore::listen(bool reuse_port) {
    const auto failed = [&](const error_code& ec) {
        return "cannot listen on " + options_.listen.host + ":" +
               std::to_string(options_.listen.port) + ": " + ec.message();
    };
    error_code ec;
    std::vector<tcp::endpoint> endpoints;
    const auto address = asio::ip::make_address(options_.listen.host, ec);
    if (!ec) {
        endpoints.emplace_back(address, options_.listen.port);
    } else {
        tcp::resolver resolver(io_);
        const auto found = resolver.resolve(
            options_.listen.host, std::to_string(options_.listen.port), tcp::resolver::passive, ec);
        if (ec) return failed(ec);
        for (const auto& entry : found)
            endpoints.push_back(entry.endpoint());
    }
    for (const auto& endpoint : endpoints) {
        error_code ignored;
        acceptor_.close(ignored);
        ec = bind_and_listen(acceptor_, endpoint, reuse_port);
        if (!ec) break;
    }
    if (!ec) port_ = acceptor_.local_endpoint(ec).port();
    if (ec) {
        error_code ignored;
        acceptor_.close(ignored);
        return failed(ec);
    }
    std::vector<Method> methods;
    for (const auto& route : router_.routes()) {
        const auto add = [&](Method method) {
            if (std::find(methods.begin(), methods.end(), method) == methods.end()) {
                methods.push_back(method);
            }
        };
        add(route->method);
        if (route->method == Method::get) add(Method::head);
    }
    std::sort(methods.begin(), methods.end());
    all_methods_ = join_methods(methods);
    wait_for_connections();
    schedule_sweep();
    return {};
}

void ServerCore::wait_for_connections() {
    acceptor_.async_wait(tcp::acceptor::wait_read,
                         [self = shared_from_this()](const error_code& ec) {
                             if (ec || self->stopping_ || !self->acceptor_.is_open()) return;
                             if (self->accept_some(accepts_per_wake) == Backlog::must_rest) {
                                 self->rest_before_accepting();
                             } else {
                                 self->wait_for_connections();
                             }
                         });
}

ServerCore::Backlog ServerCore::accept_some(std::size_t most) {
    for (std::size_t taken = 0; taken < most;) {
        error_code ec;
        tcp::endpoint peer;
        tcp::socket socket = acceptor_.accept(peer, ec);
        if (!ec) {
            ++taken;
            open_session(std::move(socket), peer);
            continue;
        }
        if (ec == asio::error::would_block || ec == asio::error::try_again) {
            return Backlog::empty;
        }
        // The client gave up while it was queued; the next one may be fine.
        if (ec == asio::error::connection_aborted || ec == asio::error::interrupted ||
            ec == boost::system::errc::protocol_error) {
            continue;
        }
        std::uint64_t held_back = 0;
        if (accept_log_.allow(held_back)) {
            log_.warn("cannot accept connections",
                      {{"error", ec.message()}, {"held_back", held_back}});
        }
        return Backlog::must_rest;
    }
    return Backlog::more;
}

void ServerCore::rest_before_accepting() {
    accept_timer_.expires_after(accept_rest);
    accept_timer_.async_wait([self = shared_from_this()](const error_code& ec) {
        if (!ec && !self->stopping_ && self->acceptor_.is_open()) self->wait_for_connections();
    });
}

void ServerCore::open_session(tcp::socket socket, const tcp::endpoint& peer) {
    const bool refused = slots_.size() - refusing_ >= options_.max_connections;
    if (refused && refusing_ >= max_refusing) return;  // closes the socket
    error_code ec;
    socket.set_option(tcp::no_delay(true), ec);
    socket.non_blocking(true, ec);
    if (ec) return;
    Session::start(std::make_shared<Session>(shared_from_this(), std::move(socket), peer, refused));
}

std::size_t ServerCore::enroll(Session& session, bool refused) {
    slots_.push_back({no_deadline, &session});
    if (refused) {
        ++refusing_;
        report_shed(ShedReason::connections);
    }
    open_.store(slots_.size(), std::memory_order_relaxed);
    if (hooks_.on_connection) hooks_.on_connection(+1);
    return slots_.size() - 1;
}

void ServerCore::leave(std::size_t slot, bool refused) {
    slots_[slot] = slots_.back();
    slots_[slot].session->move_to_slot(slot);
    slots_.pop_back();
    if (refused) --refusing_;
    open_.store(slots_.size(), std::memory_order_relaxed);
    if (detached_) return;
    if (hooks_.on_connection) hooks_.on_connection(-1);
    finish_if_empty();
}

void ServerCore::schedule_sweep() {
    sweeping_ = true;
    sweep_timer_.expires_after(sweep_interval_);
    load_.expect_tick(sweep_timer_.expiry());
    sweep_timer_.async_wait([self = shared_from_this()](const error_code& ec) {
        self->sweeping_ = false;
        if (ec || self->detached_) return;
        self->sweep();
        if (self->stopping_ && self->slots_.empty()) return;
        self->schedule_sweep();
    });
}

void ServerCore::sweep() {
    date_.refresh(unix_seconds());
    const Deadline now = SteadyClock::now();
    load_.tick(now);
    for (Slot& slot : slots_) {
        if (slot.deadline > now) continue;
        slot.deadline = no_deadline;
        slot.session->on_deadline();
    }
}

void ServerCore::shutdown(std::function<void()> done) {
    if (done) on_empty_.push_back(std::move(done));
    if (!stopping_) {
        stopping_ = true;
        // With SO_REUSEPORT every listener has a queue of its own: what waits in this one would be
        // reset by closing it.
        while (acceptor_.is_open() && accept_some(accepts_per_wake) == Backlog::more) {
        }
        error_code ignored;
        acceptor_.close(ignored);
        accept_timer_.cancel();
        for (const Slot& slot : slots_)
            slot.session->begin_shutdown();
    }
    finish_if_empty();
}

void ServerCore::finish_if_empty() {
    if (!stopping_ || !slots_.empty()) return;
    if (sweeping_) sweep_timer_.cancel();
    for (auto& done : on_empty_)
        asio::post(io_, std::move(done));
    on_empty_.clear();
}

void ServerCore::abort() {
    stopping_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    accept_timer_.cancel();
    for (const Slot& slot : slots_)
        slot.session->abort();
    finish_if_empty();
}

void ServerCore::detach() {
    abort();
    detached_ = true;
    sweep_timer_.cancel();
    on_empty_.clear();
    hooks_ = {};
}

void ServerCore::report(const RequestFacts& facts) {
    if (hooks_.on_request) hooks_.on_request(facts);
}

void ServerCore::report_exception(std::exception_ptr error, std::string_view event,
                                  const Request* request, std::string_view route) noexcept {
    std::uint64_t held_back = 0;
    if (detached_ || !exception_log_.allow(held_back)) return;
    const auto write = [&](std::string_view what) {
        if (request == nullptr) {
            log_.error(event, {{"error", what}, {"held_back", held_back}});
            return;
        }
        log_.error(event, {{"request_id", request->request_id},
                           {"trace_id", request->trace.self.trace_text()},
                           {"span_id", request->trace.self.span_text()},
                           {"route", route},
                           {"error", what},
                           {"held_back", held_back}});
    };
    try {
        try {
            std::rethrow_exception(std::move(error));
        } catch (const std::exception& e) {
            write(e.what());
        } catch (...) {
            write("not a standard exception");
        }
    } catch (...) {  // no memory even for a log line
    }
}

}  // namespace subcults::net
