#include "sim/server.hpp"

#include "sim/answer.hpp"
#include "sim/subscriber.hpp"

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include <algorithm>
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

}  // namespace

Server::Server(asio::io_context& context, ServerOptions options, Log& log)
    : context_(context),
      options_(std::move(options)),
      log_(log),
      acceptor_(context, endpoint_of(options_), true),
      stall_timer_(context),
      stop_timer_(context),
      timeline_(options_.retention) {
    if (options_.v2_host) {
        numbering_.emplace(options_.first_seq);
    } else if (!options_.zstd_dictionary.empty()) {
        compressor_.emplace(options_.zstd_dictionary);
    }
}

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
            answer = admit(query, beast::iequals(request["Socket-Encoding"], "zstd"), wanted);
            UpgradeSeen seen;
            seen.query = query;
            seen.cursor = wanted.cursor;
            seen.user_agent = std::string(request["User-Agent"]);
            seen.socket_encoding = std::string(request["Socket-Encoding"]);
            seen.extensions = std::string(request["Sec-WebSocket-Extensions"]);
            seen.status = answer.status;
            requests_.note(std::move(seen));
            if (answer.status == 101) {
                plain_.erase(plain);
                auto subscriber =
                    std::make_shared<Subscriber>(*this, std::move(stream), std::move(wanted));
                ++counters_.connections_total;
                subscribers_.insert(subscriber);
                log_.info("subscriber connected", {{"subscribers", subscribers_.size()}});
                co_await Subscriber::run(subscriber, std::move(request));
                subscribers_.erase(subscriber);
                if (stopping_ && subscribers_.empty()) stop_timer_.cancel();
                log_.info("subscriber gone", {{"subscribers", subscribers_.size()}});
                co_return;
            }
        } else {
            answer = control(request.method_string(), path, query, request.body());
        }

        http::response<http::string_body> response;
        response.version(request.version());
        response.result(answer.status);
        response.set(http::field::content_type, answer.type);
        if (answer.retry_after) {
            response.set(http::field::retry_after, std::to_string(*answer.retry_after));
        }
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

Server::Answer Server::admit(std::string_view query, bool zstd_header, SubscribeRequest& wanted) {
    Answer answer;
    answer.status = 400;
    answer.body = read_subscribe_query(query, wanted);
    if (refusal_.left > 0) {
        --refusal_.left;
        ++counters_.refused;
        answer.status = refusal_.status;
        answer.retry_after = refusal_.retry_after;
        answer.body = "refused on request\n";
        return answer;
    }
    wanted.compress = wanted.compress || zstd_header;
    if (answer.body.empty() && wanted.compress && !compressor_) {
        answer.body = "compression is not offered by this server";
    }
    if (answer.body.empty()) answer.status = 101;
    return answer;
}

void Server::publish(Frame frame) {
    if (numbering_) numbering_->stamp(frame);
    timeline_.publish(std::move(frame));
    wake_all();
}

void Server::feed_ended(std::uint64_t published) {
    log_.info("feed ended", {{"published", published}});
}

void Server::wake_all() {
    for (const auto& subscriber : subscribers_)
        subscriber->wake();
}

std::size_t Server::subscriber_count() const noexcept {
    std::size_t count = 0;
    for (const auto& subscriber : subscribers_)
        count += subscriber->silenced() ? 0 : 1;
    return count;
}

std::uint64_t Server::slowest_lag() const noexcept {
    std::uint64_t lag = 0;
    for (const auto& subscriber : subscribers_) {
        if (!subscriber->silenced()) lag = std::max(lag, timeline_.end() - subscriber->position());
    }
    return lag;
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
