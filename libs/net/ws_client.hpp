// A WebSocket client for long-lived feeds, ws:// and wss:// (SNI and certificate verification on).
//
// Flow control is the caller's: nothing is read until read() is called, so a caller that stops
// calling makes TCP push back on the server. Beast answers pings only while a read is pending.
//
// Text messages are not checked to be UTF-8: that is for the reader, who can set one aside, while
// the protocol's own remedy would be to end the connection over it.
//
// Threading: belongs to one single-threaded io_context. One read at a time.
#pragma once

#include "base/result.hpp"
#include "base/time.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace subcults::net {

struct WsUrl {
    bool tls = false;
    std::string host;  // without brackets
    std::uint16_t port = 0;
    std::string target;  // path and query, at least "/"
    // ws://, wss://, also http:// and https:// as their equivalents. nullopt when malformed.
    static std::optional<WsUrl> parse(std::string_view url);
    std::string authority() const;  // host[:port] for the Host header
};

struct WsOptions {
    std::string user_agent = "subcults";
    std::optional<std::string> subprotocol = {};
    std::size_t max_message_bytes = 16 * 1024 * 1024;
    std::size_t read_buffer_bytes = 64 * 1024;
    std::chrono::milliseconds handshake_timeout{10'000};
    // No data and no control frame for so long = the connection is dead (timeout). Pings of our
    // own go out at half of it.
    std::chrono::milliseconds idle_timeout{90'000};
    std::string ca_file = {};  // empty = the system's trust store
};

struct WsConnectError {
    enum class Stage { resolve, connect, tls, handshake, timeout } stage = Stage::connect;
    boost::system::error_code code;
    unsigned http_status = 0;  // when the server answered the upgrade with something else
    std::optional<unsigned> retry_after_seconds = {};
    std::string detail = {};  // beginning of such an answer's body, at most 200 bytes
};

struct WsFrame {
    std::string_view data;  // valid until the next read(); SIMDJSON_PADDING (64) bytes follow it
    bool binary = false;
};

class WsClient {
  public:
    WsClient(boost::asio::any_io_executor executor, WsOptions options);
    ~WsClient();
    WsClient(const WsClient&) = delete;
    WsClient& operator=(const WsClient&) = delete;

    boost::asio::awaitable<Result<void, WsConnectError>> connect(WsUrl url);
    // The next whole message. An error ends the connection; close_reason() may say more.
    boost::asio::awaitable<Result<WsFrame>> read();
    // Close handshake within two seconds, then drop.
    boost::asio::awaitable<void> close();
    // Drops the connection at once; a pending read ends with operation_aborted.
    void abort() noexcept;

    // When the last byte or control frame arrived.
    SteadyClock::time_point last_heard() const noexcept;
    std::uint64_t bytes_received() const noexcept;
    std::string close_reason() const;  // code and text the peer sent, empty if none

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace subcults::net
