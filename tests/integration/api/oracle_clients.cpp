#include "integration/api/oracle_clients.hpp"

#include "integration/api/running_api.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <cstdio>
#include <utility>

namespace subcults::test {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

using namespace std::chrono_literals;

namespace {

// More than the API grants itself for anything: whoever has heard nothing by then never will.
constexpr auto patience = 30s;
constexpr std::size_t dids_per_client = 3;
constexpr int most_attempts = 5000;

asio::awaitable<void> wait(std::chrono::milliseconds time) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, time);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

const char* route_of(OracleAction action) noexcept {
    switch (action) {
        case OracleAction::join:
            return "/join";
        case OracleAction::leave:
            return "/leave";
        case OracleAction::token:
            break;
    }
    return "/token";
}

void read_answer(const std::string& text, OracleAction action, OracleAttempt& attempt) {
    rapidjson::Document body;
    body.Parse(text.data(), text.size());
    if (body.HasParseError() || !body.IsObject()) {
        attempt.code = "no JSON";
        return;
    }
    if (attempt.status != 200) {
        if (body.HasMember("error")) attempt.code = body["error"]["code"].GetString();
        return;
    }
    if (action == OracleAction::token) {
        attempt.participant_id = body["participant_id"].GetString();
    } else {
        attempt.count =
            body[action == OracleAction::join ? "join_count" : "leave_count"].GetInt64();
    }
}

}  // namespace

const char* audited_as(OracleAction action) noexcept {
    switch (action) {
        case OracleAction::join:
            return "joined";
        case OracleAction::leave:
            return "left";
        case OracleAction::token:
            break;
    }
    return "token_issued";
}

// A client's connection, kept alive between requests.
struct OracleClients::Link {
    std::unique_ptr<beast::tcp_stream> stream;
    beast::flat_buffer buffer;
    std::uint16_t port = 0;
};

OracleClients::OracleClients(std::vector<std::string> streams, std::size_t clients,
                             std::uint64_t seed)
    : streams_(std::move(streams)), seed_(seed) {
    for (std::size_t i = 0; i < clients; ++i) {
        ++living_;
        asio::co_spawn(io_, live(i), [this](std::exception_ptr failure) {
            --living_;
            if (!failure) return;
            try {
                std::rethrow_exception(failure);
            } catch (const std::exception& error) {
                std::fprintf(stderr, "a client ended: %s\n", error.what());
            }
        });
    }
    thread_ = std::thread([this] { io_.run(); });
}

OracleClients::~OracleClients() {
    stop();
}

void OracleClients::pause() {
    paused_ = true;
    eventually(
        "requests in flight come to an end", [this] { return in_flight_ == 0; }, 2min);
    // One that has died would leave the load thinner than it claims to be.
    if (living_ == 0) throw std::runtime_error("no client is left");
}

void OracleClients::stop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    thread_.join();
}

std::vector<OracleOperation> OracleClients::take_finished() {
    const std::lock_guard lock(finished_mutex_);
    return std::exchange(finished_, {});
}

OracleOperation OracleClients::next_operation(std::size_t index, std::minstd_rand& random) {
    OracleOperation operation;
    // Half of everything on the first stream: a crowd, so that batches have company.
    operation.stream = random() % 2 == 0 ? 0 : random() % streams_.size();
    const auto kind = random() % 10;
    operation.action = kind < 6   ? OracleAction::join
                       : kind < 8 ? OracleAction::leave
                                  : OracleAction::token;
    // Tokens know no key.
    if (operation.action != OracleAction::token && random() % 2 == 0) {
        operation.key = std::to_string(seed_) + "-" + std::to_string(++numbered_);
    }
    operation.did =
        "did:plc:c" + std::to_string(index) + "d" + std::to_string(random() % dids_per_client);
    return operation;
}

// Counts itself as in flight when it says yes: the caller takes that back.
asio::awaitable<bool> OracleClients::permission() {
    while (!stopping_) {
        // Announced first and looked at second; pause() does it the other way round.
        ++in_flight_;
        if (!paused_ && port_ != 0) co_return true;
        --in_flight_;
        co_await wait(2ms);
    }
    co_return false;
}

asio::awaitable<bool> OracleClients::ensure_connected(Link& link) {
    const std::uint16_t port = port_;
    if (link.stream && link.port == port) co_return true;
    const auto executor = co_await asio::this_coro::executor;
    link.stream = std::make_unique<beast::tcp_stream>(executor);
    link.buffer.clear();
    link.port = port;
    link.stream->expires_after(patience);
    const asio::ip::tcp::endpoint server(asio::ip::address_v4::loopback(), port);
    const auto [error] =
        co_await link.stream->async_connect(server, asio::as_tuple(asio::use_awaitable));
    if (error) link.stream.reset();
    co_return !error;
}

asio::awaitable<void> OracleClients::ask(Link& link, const OracleOperation& operation,
                                         OracleAttempt& attempt) {
    http::request<http::empty_body> request;
    request.version(11);
    request.method(http::verb::post);
    request.target("/streams/" + streams_[operation.stream] + route_of(operation.action));
    request.set(http::field::host, "localhost");
    request.set(http::field::authorization, "Bearer " + RunningApi::token(operation.did));
    request.set("X-Request-ID", attempt.request_id);
    if (!operation.key.empty()) request.set("Idempotency-Key", operation.key);
    request.prepare_payload();

    link.stream->expires_after(patience);
    http::response<http::string_body> response;
    auto [error, written] =
        co_await http::async_write(*link.stream, request, asio::as_tuple(asio::use_awaitable));
    if (!error) {
        const auto [failed, got] = co_await http::async_read(*link.stream, link.buffer, response,
                                                             asio::as_tuple(asio::use_awaitable));
        error = failed;
    }
    if (error) {
        if (error == beast::error::timeout) ++counts_.timed_out;
        link.stream.reset();
        co_return;
    }
    attempt.status = response.result_int();
    read_answer(response.body(), operation.action, attempt);
    if (!response.keep_alive()) link.stream.reset();
}

void OracleClients::note(const OracleOperation& operation, const OracleAttempt& attempt) {
    if (attempt.status == 200) {
        ++counts_.acknowledged;
        if (operation.attempts.size() > 1) ++counts_.replayed;
    } else if (attempt.status == 403) {
        ++counts_.refused_locked;
    } else if (attempt.status == 503 && attempt.code == "outcome_unknown") {
        ++counts_.outcome_unknown;
    } else if (attempt.status == 503) {
        ++counts_.unavailable;
    } else if (attempt.status == 0) {
        ++counts_.unanswered;
    }
}

// One attempt without a key; with one, until there is an answer that settles it.
asio::awaitable<void> OracleClients::carry_out(Link& link, OracleOperation& operation,
                                               std::minstd_rand& random) {
    bool asks_again = !operation.key.empty() && random() % 4 == 0;
    for (int i = 0; i < most_attempts; ++i) {
        const bool permitted = co_await permission();
        if (!permitted) co_return;
        const bool connected = co_await ensure_connected(link);
        if (!connected) {
            --in_flight_;  // nothing was sent: this is no attempt
            co_await wait(5ms);
            continue;
        }
        OracleAttempt attempt;
        attempt.request_id = (operation.key.empty() ? "plain-" : "keyed-") + std::to_string(seed_) +
                             "-" + std::to_string(++numbered_);
        co_await ask(link, operation, attempt);
        const unsigned status = attempt.status;
        operation.attempts.push_back(std::move(attempt));
        note(operation, operation.attempts.back());
        --in_flight_;

        const bool settled = status != 0 && status != 503;
        // A service in trouble is not asked as fast as it can say so.
        if (!settled) co_await wait(std::chrono::milliseconds(5 + random() % 20));
        if (operation.key.empty() || (settled && !asks_again)) co_return;
        if (settled) asks_again = false;
    }
}

asio::awaitable<void> OracleClients::live(std::size_t index) {
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(seed_ * 1000 + index + 1));
    Link link;
    while (!stopping_) {
        OracleOperation operation = next_operation(index, random);
        co_await carry_out(link, operation, random);
        if (!operation.attempts.empty()) {
            const std::lock_guard lock(finished_mutex_);
            finished_.push_back(std::move(operation));
        }
        // Some rush, some take their time: batches of many sizes.
        if (random() % 3 != 0) co_await wait(std::chrono::milliseconds(random() % 15));
    }
}

}  // namespace subcults::test
