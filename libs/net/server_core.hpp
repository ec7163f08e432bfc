// One worker's server behind the HttpServer facade: the listener, the table of sessions with their
// deadlines, and what sessions share. Belongs to the worker's thread.
//
// Deadlines are a column of times that one timer sweeps every 100 ms at most: arming one costs a
// store, where a timer per request would cost a heap operation and often a system call. They are
// therefore late by up to one sweep.
#pragma once

#include "net/response_writer.hpp"
#include "net/server.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace subcults::net {

class Session;

class ServerCore : public std::enable_shared_from_this<ServerCore> {
  public:
    static constexpr Deadline no_deadline = Deadline::max();

    ServerCore(boost::asio::io_context& io, const Router& router, ServerOptions options,
               ServerHooks hooks, Log& log);

    Result<void, std::string> listen(bool reuse_port);
    std::uint16_t port() const noexcept { return port_; }
    void shutdown(std::function<void()> done);
    void abort();
    // The facade is gone: nothing of the caller's may be touched any more.
    void detach();
    std::size_t connections() const noexcept { return open_.load(std::memory_order_relaxed); }

    // For sessions.
    std::size_t enroll(Session& session, bool refused);
    void leave(std::size_t slot, bool refused);
    void arm(std::size_t slot, Deadline deadline) noexcept { slots_[slot].deadline = deadline; }
    bool stopping() const noexcept { return stopping_; }
    const Router& router() const noexcept { return router_; }
    const ServerOptions& options() const noexcept { return options_; }
    const std::string& date_line() const noexcept { return date_.text(); }
    const std::string& all_methods() const noexcept { return all_methods_; }
    void report(const RequestFacts& facts);
    std::optional<Response> admit(Request& request, const Route* route) {
        return hooks_.admit ? hooks_.admit(request, route) : std::nullopt;
    }
    LoadMeter& load() noexcept { return load_; }
    void report_shed(ShedReason reason) {
        if (hooks_.on_shed) hooks_.on_shed(reason);
    }
    // A failure inside a handler or a session, at most one line per second. `request` is null
    // where there is none.
    void report_exception(std::exception_ptr error, std::string_view event, const Request* request,
                          std::string_view route) noexcept;

  private:
    struct Slot {
        Deadline deadline;
        Session* session;
    };

    void wait_for_connections();
    enum class Backlog { empty, more, must_rest };
    Backlog accept_some(std::size_t most);
    void open_session(boost::asio::ip::tcp::socket socket,
                      const boost::asio::ip::tcp::endpoint& peer);
    void rest_before_accepting();
    void schedule_sweep();
    void sweep();
    void finish_if_empty();

    boost::asio::io_context& io_;
    const Router& router_;
    ServerOptions options_;
    ServerHooks hooks_;
    Log& log_;
    LoadMeter load_;
    LogLimit accept_log_{std::chrono::seconds(1)};
    LogLimit exception_log_{std::chrono::seconds(1)};
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::steady_timer sweep_timer_;
    boost::asio::steady_timer accept_timer_;
    std::chrono::milliseconds sweep_interval_{100};
    std::vector<Slot> slots_;
    std::atomic<std::size_t> open_{0};
    std::size_t refusing_ = 0;
    std::uint16_t port_ = 0;
    DateLine date_;
    std::string all_methods_;
    bool stopping_ = false;
    bool sweeping_ = false;
    bool detached_ = false;
    std::vector<std::function<void()>> on_empty_;
};

// "GET, HEAD, POST" for an Allow header.
std::string join_methods(const std::vector<Method>& methods);

}  // namespace subcults::net
