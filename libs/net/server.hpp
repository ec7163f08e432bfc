// The HTTP/1.1 server: one worker thread = one io_context = one SO_REUSEPORT listener = its own
// sessions. Nothing is shared between workers but the immutable router and what handlers share.
//
// Every connection gets an answer or was never whole: a request that is too slow gets 408, too
// large 413 or 431, malformed 400, on an overloaded worker 503 with Retry-After; before closing,
// unread input is drained within limits, so that the client can read the answer.
#pragma once

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "net/load_meter.hpp"
#include "net/router.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace subcults::net {

struct ServerOptions {
    HostPort listen;
    std::size_t max_header_bytes = 16 * 1024;
    std::chrono::milliseconds header_timeout{10'000};  // first byte of a request to end of header
    std::chrono::milliseconds body_timeout{15'000};
    std::chrono::milliseconds idle_timeout{60'000};  // between requests
    std::chrono::milliseconds write_timeout{15'000};
    std::chrono::milliseconds handler_timeout{10'000};  // becomes Request::deadline
    std::size_t max_connections = 20'000;               // per worker; beyond: 503 and close
    std::size_t drain_bytes = 2 * 1024 * 1024;          // read and thrown away before closing
    std::chrono::milliseconds drain_timeout{2'000};
    // Beyond either, new requests to routes that are not essential get 503 with Retry-After.
    LoadMeter::Limits load = {};  // per worker; off
    // Headers added to every answer, as complete "Name: value\r\n" text.
    std::string common_headers = {};
};

// What the server reports per answered request, on the worker's thread and before the first byte of
// the answer leaves: whoever holds an answer finds it counted.
struct RequestFacts {
    Method method;
    const Route* route;  // null = no route matched ("other" in labels)
    unsigned status;
    double seconds;  // from the last byte of the request head to the answer being ready to send
    std::size_t response_bytes;
    std::string_view request_id;
    TraceParent trace;
};
struct ServerHooks {
    // Asked about every request whose target can be read, before anything else is decided about it;
    // `route` is null when none matches (that will be a 404 or 405). Returns an answer to give
    // instead, or nullopt to go on; may set Request::answer_headers. Must be quick.
    std::function<std::optional<Response>(Request&, const Route* route)> admit = {};
    std::function<void(ShedReason)> on_shed = {};
    std::function<void(const RequestFacts&)> on_request = {};
    std::function<void(int delta)> on_connection = {};  // +1 opened, -1 closed
};

// One worker's share of the server. Construct, listen() and stop on any thread before run, or on
// the worker's own thread.
class HttpServer {
  public:
    HttpServer(boost::asio::io_context& io, const Router& router, ServerOptions options,
               ServerHooks hooks, Log& log);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    // Binds and starts accepting. On failure returns a message that names address and cause.
    // Port 0 binds any free port; `reuse_port` lets several workers share one.
    Result<void, std::string> listen(bool reuse_port);
    std::uint16_t port() const noexcept;

    // Stops accepting (after taking what is already in the accept queue), closes idle connections
    // at once and others after the answer in flight. `done` is called when none is left.
    // Call on the worker's thread.
    void shutdown(std::function<void()> done);
    // Closes whatever is left.
    void abort();

    std::size_t connections() const noexcept;

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace subcults::net
