// The server on a thread and a port of its own, and blocking clients of it: for the simulator's
// tests.
#pragma once

#include "sim/feed.hpp"
#include "sim/publisher.hpp"
#include "sim/server.hpp"

#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <boost/beast/websocket.hpp>

#include <rapidjson/document.h>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace subcults::sim::test {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using tcp = asio::ip::tcp;

inline constexpr auto patience = std::chrono::seconds(20);

// The server on a thread and a port of its own.
class Running {
  public:
    explicit Running(std::unique_ptr<Feed> feed = nullptr, ServerOptions options = {},
                     PublisherOptions publishing = {})
        : log_("sim", LogLevel::off) {
        options.port = 0;
        server_ = std::make_unique<Server>(context_, options, log_);
        publisher_ = std::make_unique<Publisher>(context_, *server_, std::move(feed), publishing);
        auto accepting = server_->run();
        asio::co_spawn(context_, std::move(accepting), [](std::exception_ptr) {});
        auto feeding = publisher_->run();
        asio::co_spawn(context_, std::move(feeding), [](std::exception_ptr) {});
        port_ = server_->port();
        thread_ = std::thread([this] { context_.run(); });
    }
    ~Running() { stop(); }
    void stop() {
        if (!thread_.joinable()) return;
        asio::post(context_, [this] {
            publisher_->stop();
            server_->stop();
        });
        thread_.join();
    }
    std::uint16_t port() const noexcept { return port_; }

  private:
    Log log_;
    asio::io_context context_{1};
    std::unique_ptr<Server> server_;
    std::unique_ptr<Publisher> publisher_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

struct HttpAnswer {
    unsigned status = 0;
    std::string body;
};

inline HttpAnswer request(std::uint16_t port, http::verb method, const std::string& target,
                          const std::string& body = "") {
    asio::io_context context;
    tcp::socket socket(context);
    socket.connect({asio::ip::address_v4::loopback(), port});
    http::request<http::string_body> message(method, target, 11);
    message.set(http::field::host, "localhost");
    message.body() = body;
    message.prepare_payload();
    http::write(socket, message);
    beast::flat_buffer buffer;
    http::response<http::string_body> response;
    http::read(socket, buffer, response);
    return {response.result_int(), response.body()};
}

inline std::uint64_t stat(std::uint16_t port, const char* name) {
    rapidjson::Document stats;
    stats.Parse(request(port, http::verb::get, "/control/stats").body.c_str());
    return stats[name].GetUint64();
}

// Polls until a statistic reaches a value; false when it never does.
inline bool reaches(std::uint16_t port, const char* name, std::uint64_t value) {
    const auto deadline = SteadyClock::now() + patience;
    while (SteadyClock::now() < deadline) {
        if (stat(port, name) == value) return true;
        std::this_thread::yield();
    }
    return false;
}

class Client {
  public:
    explicit Client(std::uint16_t port, const std::string& query = "",
                    const std::string& encoding = "")
        : stream_(context_) {
        beast::get_lowest_layer(stream_).connect(
            tcp::endpoint(asio::ip::address_v4::loopback(), port));
        if (!encoding.empty()) {
            stream_.set_option(websocket::stream_base::decorator(
                [encoding](websocket::request_type& r) { r.set("Socket-Encoding", encoding); }));
        }
        stream_.control_callback([this](websocket::frame_type type, beast::string_view) {
            if (type == websocket::frame_type::ping) ++pings_;
        });
        const std::string target = "/subscribe" + (query.empty() ? "" : "?" + query);
        stream_.handshake(response_, "localhost", target, error_);
    }
    // The next text, or nullopt when the connection ended. Fails the test when nothing comes.
    std::optional<std::string> read() {
        beast::flat_buffer buffer;
        std::optional<beast::error_code> result;
        stream_.async_read(buffer, [&](beast::error_code error, std::size_t) { result = error; });
        run_until(result);
        error_ = *result;
        if (error_) return std::nullopt;
        binary_ = stream_.got_binary();
        return beast::buffers_to_string(buffer.data());
    }
    std::vector<std::string> read(std::size_t count) {
        std::vector<std::string> texts;
        while (texts.size() < count) {
            auto text = read();
            if (!text) break;
            texts.push_back(std::move(*text));
        }
        return texts;
    }
    // True when no text comes before a marker that is published now.
    bool silent_until(std::uint16_t port, const std::string& marker) {
        request(port, http::verb::post, "/control/append", marker);
        return read() == marker;
    }
    void write(const std::string& text) { stream_.write(asio::buffer(text)); }
    // Whether the last message was a binary one.
    bool binary() const noexcept { return binary_; }
    // False when no pong comes within the time: then the connection is given up.
    bool answers_ping(std::chrono::milliseconds within) {
        int pongs = 0;
        stream_.control_callback([&pongs](websocket::frame_type type, beast::string_view) {
            if (type == websocket::frame_type::pong) ++pongs;
        });
        beast::error_code ended;
        stream_.ping({}, ended);
        beast::flat_buffer buffer;
        stream_.async_read(buffer,
                           [&ended](beast::error_code error, std::size_t) { ended = error; });
        context_.restart();
        const auto deadline = SteadyClock::now() + within;
        while (pongs == 0 && !ended && SteadyClock::now() < deadline) {
            context_.run_one_for(std::chrono::milliseconds(20));
        }
        ended_by_server_ = static_cast<bool>(ended);
        beast::get_lowest_layer(stream_).close();
        context_.run();
        return pongs > 0;
    }
    bool ended_by_server() const noexcept { return ended_by_server_; }
    const beast::error_code& error() const noexcept { return error_; }
    const websocket::response_type& response() const noexcept { return response_; }
    websocket::close_reason reason() const { return stream_.reason(); }
    int pings() const noexcept { return pings_; }
    void run_until_ping() {
        beast::flat_buffer buffer;
        stream_.async_read(buffer, [](beast::error_code, std::size_t) {});
        const auto deadline = SteadyClock::now() + patience;
        while (pings_ == 0 && SteadyClock::now() < deadline) {
            context_.run_one_for(std::chrono::milliseconds(100));
        }
        beast::get_lowest_layer(stream_).close();
        context_.run();
    }

  private:
    void run_until(std::optional<beast::error_code>& result) {
        context_.restart();
        const auto deadline = SteadyClock::now() + patience;
        while (!result && SteadyClock::now() < deadline) {
            context_.run_one_for(std::chrono::milliseconds(200));
        }
        if (result) return;
        beast::get_lowest_layer(stream_).close();
        context_.run();
        FAIL("nothing arrived");
    }

    asio::io_context context_;
    websocket::stream<beast::tcp_stream> stream_;
    websocket::response_type response_;
    beast::error_code error_;
    int pings_ = 0;
    bool binary_ = false;
    bool ended_by_server_ = false;
};

inline constexpr std::int64_t base_time = 1'783'175'888'000'000;

inline std::string line(int i, const std::string& collection = "tv.subcult.scene",
                        const std::string& did = "did:plc:a") {
    return R"({"did":")" + did + R"(","time_us":)" + std::to_string(base_time + i) +
           R"(,"kind":"commit","commit":{"rev":"3mptbypluud2a","operation":"delete","collection":")" +
           collection + R"(","rkey":"r)" + std::to_string(i) + "\"}}";
}
inline std::string identity(int i, const std::string& did) {
    return R"({"did":")" + did + R"(","time_us":)" + std::to_string(base_time + i) +
           R"(,"kind":"identity","identity":{"did":")" + did + "\"}}";
}
inline std::vector<std::string> lines(int count) {
    std::vector<std::string> all;
    for (int i = 0; i < count; ++i)
        all.push_back(line(i));
    return all;
}
inline std::unique_ptr<Feed> file(std::vector<std::string> all, bool loop = false) {
    return std::make_unique<FileFeed>(std::move(all), loop);
}
inline std::string joined(const std::vector<std::string>& all) {
    std::string text;
    for (const std::string& one : all)
        text += one + "\n";
    return text;
}

}  // namespace subcults::sim::test
