// A WebSocket server that follows a script on a thread of its own, one connection after the other.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <string>
#include <thread>

namespace subcults::test {

using TcpSocket = boost::asio::ip::tcp::socket;
using ServerStream = boost::beast::websocket::stream<TcpSocket&>;
using UpgradeRequest = boost::beast::http::request<boost::beast::http::empty_body>;

class ScriptServer {
  public:
    using Script = std::function<void(TcpSocket&)>;
    // What the script throws ends its connection.
    explicit ScriptServer(Script script);
    ~ScriptServer();
    std::uint16_t port() const { return port_; }
    std::string url(const std::string& rest = "/") const {
        return "ws://127.0.0.1:" + std::to_string(port_) + rest;
    }

  private:
    void loop();

    boost::asio::io_context io_;
    boost::asio::ip::tcp::acceptor acceptor_;
    Script script_;
    std::uint16_t port_;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

// Answers the upgrade, then runs the script.
ScriptServer::Script upgraded(std::function<void(ServerStream&)> script);

// Reads the upgrade request without answering it.
UpgradeRequest read_request(TcpSocket& socket);

// Keeps a script at one place until the test is over.
class Latch {
  public:
    Latch() : opened_(promise_.get_future().share()) {}
    ~Latch() { open(); }
    void open() {
        if (!open_.exchange(true)) promise_.set_value();
    }
    void wait() const { opened_.wait(); }

  private:
    std::promise<void> promise_;
    std::shared_future<void> opened_;
    std::atomic<bool> open_{false};
};

// A certificate authority made for this test run, and a server certificate signed by it.
struct TestCertificates {
    // `names`: subject alternative names as OpenSSL writes them, for example "DNS:localhost".
    explicit TestCertificates(const std::string& names);
    ~TestCertificates();
    std::string ca_file;
    boost::asio::ssl::context server{boost::asio::ssl::context::tls_server};
};

}  // namespace subcults::test
