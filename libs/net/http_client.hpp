// An HTTP/1.1 client for one server: the calls that a service makes to another one.
//
// http:// and https:// (server name indication and certificate verification on). Connections are
// kept and used again one request at a time; a request that finds none free opens another, up to a
// limit. Redirects are answers like any other: nothing is followed.
//
// Errors are values. A reused connection that turns out to be dead before the first byte of an
// answer is replaced once, for requests that say they may be repeated; whatever else fails is the
// caller's to judge. The deadline covers everything: name, connection, TLS, request and answer.
//
// Threading: belongs to one single-threaded io_context. Several requests may be under way at once.
// The client may be destroyed or closed meanwhile: they end with `cancelled`.
#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "net/ws_client.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace subcults::net {

struct HttpClientOptions {
    std::string user_agent = "subcults";
    std::chrono::milliseconds connect_timeout{2000};  // over all addresses, within the deadline
    std::size_t max_response_bytes = 4 * 1024 * 1024;
    std::size_t max_connections = 8;
    std::size_t max_idle = 1;                        // kept between requests
    std::chrono::milliseconds idle_timeout{30'000};  // unused for longer = not used again
    std::string ca_file = {};                        // empty = the system's trust store
};

struct HttpCall {
    std::string_view method = "POST";  // static text
    std::string target;                // path and query, visible ASCII
    std::vector<std::pair<std::string_view, std::string>> headers = {};
    std::string body = {};
    bool repeatable = false;  // sending it twice does no harm
};

struct HttpReply {
    unsigned status = 0;
    std::string content_type;
    std::string body;
    bool reused_connection = false;
};

struct HttpFailure {
    enum class Kind {
        resolve,
        connect,
        tls,
        exchange,   // the connection broke, or what came was no HTTP
        timeout,    // the deadline passed, at whichever stage
        too_large,  // the answer exceeds the limit
        busy,       // all connections are in use
        cancelled,  // closed meanwhile
    };
    Kind kind = Kind::exchange;
    boost::system::error_code code = {};
};
std::string_view to_string(HttpFailure::Kind kind) noexcept;

class HttpClient {
  public:
    using Reply = Result<HttpReply, HttpFailure>;

    // `server`: scheme, host and port count; its path does not.
    HttpClient(boost::asio::any_io_executor executor, WsUrl server, HttpClientOptions options);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    // Throws std::invalid_argument for a target or header that would break out of its line.
    boost::asio::awaitable<Reply> send(HttpCall call, Deadline deadline);

    // Drops every connection. Later requests are refused as cancelled.
    void close() noexcept;

    std::size_t open_connections() const noexcept;

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

[[noreturn]] void throw_exception_from_error(const HttpFailure& failure,
                                             const boost::source_location& where);

}  // namespace subcults::net
