#include "sim/server.hpp"

#include "sim/json.hpp"
#include "sim/subscriber.hpp"

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include <rapidjson/document.h>
#include <algorithm>
#include <charconv>
#include <exception>
#include <utility>

namespace subcults::sim {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

constexpr auto awaited = asio::as_tuple(asio::use_awaitable);
constexpr auto request_timeout = std::chrono::seconds(30);
constexpr auto goodbye_timeout = std::chrono::seconds(2);
constexpr std::uint64_t max_body_bytes = 256 * 1024 * 1024;
constexpr std::uint32_t max_header_bytes = 1024 * 1024;

tcp::endpoint endpoint_of(const ServerOptions& options) {
    return {asio::ip::make_address(options.address), options.port};
}

// `ms` of a stall, in the query or in a JSON body; 0 = until further notice.
std::chrono::milliseconds stall_time(std::string_view query, const std::string& body) {
    std::int64_t ms = 0;
    for (const auto& [name, value] : parse_query(query)) {
        if (name == "ms") std::from_chars(value.data(), value.data() + value.size(), ms);
    }
    rapidjson::Document document;
    document.Parse(body.data(), body.size());
    if (!document.HasParseError() && document.IsObject()) {
        const rapidjson::Value* const found = find_member(document, "ms");
        if (found != nullptr && found->IsInt64()) ms = found->GetInt64();
    }
    return std::chrono::milliseconds(std::clamp<std::int64_t>(ms, 0, 86'400'000));
}

}  // namespace

struct Server::Answer {
    http::status status = http::status::ok;
    std::string body;
    const char* type = "text/plain; charset=utf-8";
};

Server::Server(asio::io_context& context, ServerOptions options, Log& log)
    : context_(context),
      options_(std::move(options)),
      log_(log),
      acceptor_(context, endpoint_of(options_), true),
      stall_timer_(context),
      stop_timer_(context),
      timeline_(options_.retention) {}

Server::~Server() = default;

std::uint16_t Server::port() const {
    return acceptor_.local_endpoint().port();
}

asio::awaitable<void> Server::run() {
    asio::steady_timer pause(context_);
    while (!stopping_) {
        auto result = co_await acceptor_.async_accept(awaited);
        auto& [error, socket] = result;
        if (error) {
            // Out of descriptors, or the peer was gone already: breathe, then go on.
            if (stopping_) break;
            pause.expires_after(std::chrono::milliseconds(50));
            auto waited = co_await pause.async_wait(awaited);
            static_cast<void>(waited);
            continue;
        }
        boost::system::error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        auto ended = [this](std::exception_ptr failure) {
            if (failure) log_.error("connection ended by an exception");
        };
        auto connection = serve(std::move(socket));
        asio::co_spawn(context_, std::move(connection), std::move(ended));
    }
}

asio::awaitable<void> Server::serve(tcp::socket socket) {
    beast::tcp_stream stream(std::move(socket));
    beast::flat_buffer buffer;
    tcp::socket* const plain = &stream.socket();
    plain_.insert(plain);
    for (;;) {
        http::request_parser<http::string_body> parser;
        parser.body_limit(max_body_bytes);
        parser.header_limit(max_header_bytes);
        stream.expires_after(request_timeout);
        auto received = co_await http::async_read(stream, buffer, parser, awaited);
        if (std::get<0>(received) || stopping_) break;
        http::request<http::string_body> request = parser.release();
        const std::string target(request.target());
        const std::size_t question = std::min(target.find('?'), target.size());
        const std::string path = target.substr(0, question);
        const std::string query = target.substr(std::min(question + 1, target.size()));

        Answer answer;
        if (path == "/subscribe" && beast::websocket::is_upgrade(request)) {
            SubscribeRequest wanted;
            answer.body = read_subscribe_query(query, wanted);
            if (answer.body.empty() && beast::iequals(request["Socket-Encoding"], "zstd")) {
                answer.body = "compression is not offered by this server";
            }
            if (answer.body.empty()) {
                plain_.erase(plain);
                auto subscriber =
                    std::make_shared<Subscriber>(*this, std::move(stream), std::move(wanted));
                ++connections_total_;
                subscribers_.insert(subscriber);
                log_.info("subscriber connected", {{"subscribers", subscribers_.size()}});
                co_await Subscriber::run(subscriber, std::move(request));
                subscribers_.erase(subscriber);
                if (stopping_ && subscribers_.empty()) stop_timer_.cancel();
                log_.info("subscriber gone", {{"subscribers", subscribers_.size()}});
                co_return;
            }
            answer.status = http::status::bad_request;
        } else {
            answer = control(request.method_string(), path, query, request.body());
        }

        http::response<http::string_body> response(answer.status, request.version());
        response.set(http::field::content_type, answer.type);
        response.keep_alive(request.keep_alive());
        response.body() = std::move(answer.body);
        response.prepare_payload();
        stream.expires_after(request_timeout);
        auto written = co_await http::async_write(stream, response, awaited);
        if (std::get<0>(written) || !response.keep_alive()) break;
    }
    plain_.erase(plain);
    boost::system::error_code ignored;
    stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

Server::Answer Server::control(std::string_view method, std::string_view path,
                               std::string_view query, const std::string& body) {
    Answer answer;
    const bool get = method == "GET" || method == "HEAD";
    const bool post = method == "POST";
    if (get && path == "/health") {
        answer.body = "ok\n";
    } else if (get && path == "/control/stats") {
        answer.body = stats();
        answer.type = "application/json";
    } else if (get && path == "/subscribe") {
        answer.status = http::status::bad_request;
        answer.body = "a websocket upgrade is expected here\n";
    } else if (post && path == "/control/append") {
        append(body);
        answer.body = stats();
        answer.type = "application/json";
    } else if (post && path == "/control/drop") {
        drop_all();
        answer.body = "dropped\n";
    } else if (post && path == "/control/stall") {
        stall(stall_time(query, body));
        answer.body = "stalled\n";
    } else if (post && path == "/control/resume") {
        resume();
        answer.body = "resumed\n";
    } else {
        answer.status = http::status::not_found;
        answer.body = "not found\n";
    }
    return answer;
}

void Server::publish(Frame frame) {
    timeline_.publish(std::move(frame));
    wake_all();
}

void Server::feed_ended(std::uint64_t published) {
    log_.info("feed ended", {{"published", published}});
}

void Server::append(const std::string& lines) {
    for (std::size_t at = 0; at < lines.size();) {
        const std::size_t end = std::min(lines.find('\n', at), lines.size());
        if (end > at) {
            publish(read_frame(lines.substr(at, end - at), timeline_.latest_time()));
        }
        at = end + 1;
    }
}

void Server::drop_all() {
    // A drop ends coroutines later, never within this loop, but it does so by changing the set.
    const auto subscribers = subscribers_;
    for (const auto& subscriber : subscribers)
        subscriber->drop();
}

void Server::stall(std::chrono::milliseconds duration) {
    stalled_ = true;
    stall_timer_.cancel();
    if (duration.count() == 0) return;
    stall_timer_.expires_after(duration);
    auto over = [this](boost::system::error_code error) {
        if (!error) resume();
    };
    stall_timer_.async_wait(std::move(over));
}

void Server::resume() {
    stalled_ = false;
    stall_timer_.cancel();
    wake_all();
}

void Server::wake_all() {
    for (const auto& subscriber : subscribers_)
        subscriber->wake();
}

std::uint64_t Server::slowest_lag() const noexcept {
    std::uint64_t lag = 0;
    for (const auto& subscriber : subscribers_) {
        lag = std::max(lag, timeline_.end() - subscriber->position());
    }
    return lag;
}

std::string Server::stats() const {
    const auto field = [](std::string_view name, std::uint64_t value) {
        return "\"" + std::string(name) + "\":" + std::to_string(value);
    };
    return "{" + field("published", timeline_.end()) + "," +
           field("subscribers", subscribers_.size()) + "," + field("sent", sent_) + "," +
           field("connections_total", connections_total_) + "," +
           field("retained", timeline_.end() - timeline_.begin()) + "," +
           field("dropped_slow", dropped_slow_) + "," + field("slowest_lag", slowest_lag()) +
           ",\"latest_time_us\":" + std::to_string(timeline_.latest_time()) +
           ",\"stalled\":" + (stalled_ ? "true" : "false") + "}";
}

void Server::stop() {
    if (stopping_) return;
    stopping_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    stall_timer_.cancel();
    for (tcp::socket* const socket : plain_)
        socket->close(ignored);
    const auto subscribers = subscribers_;
    for (const auto& subscriber : subscribers)
        subscriber->say_goodbye();
    if (subscribers.empty()) return;
    stop_timer_.expires_after(goodbye_timeout);
    auto overdue = [this](boost::system::error_code) { drop_all(); };
    stop_timer_.async_wait(std::move(overdue));
}

}  // namespace subcults::sim
