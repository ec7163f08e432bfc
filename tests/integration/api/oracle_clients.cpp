#include "integration/api/oracle_clients.hpp"

#include "integration/api/running_api.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <array>
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
// What a host does with a stream that was begun.
constexpr std::array afterwards{OracleAction::lock, OracleAction::end};

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
        case OracleAction::lock:
            return "/lock";
        case OracleAction::end:
            return "/end";
        case OracleAction::token:
        case OracleAction::create:
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
    if (!attempt.succeeded()) {
        if (body.HasMember("error")) attempt.code = body["error"]["code"].GetString();
        return;
    }
    switch (action) {
        case OracleAction::join:
            attempt.count = body["join_count"].GetInt64();
            break;
        case OracleAction::leave:
            attempt.count = body["leave_count"].GetInt64();
            break;
        case OracleAction::token:
            attempt.participant_id = body["participant_id"].GetString();
            break;
        case OracleAction::create:
            attempt.session = body["id"].GetString();
            break;
        case OracleAction::lock:
        case OracleAction::end:
            break;
    }
}

}  // namespace

const char* audited_as(OracleAction action) noexcept {
    switch (action) {
        case OracleAction::join:
            return "joined";
        case OracleAction::leave:
            return "left";
        case OracleAction::create:
            return "created";
        case OracleAction::lock:
            return "locked";
        case OracleAction::end:
            return "ended";
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

OracleClients::OracleClients(std::vector<std::string> streams, std::vector<std::string> scenes,
                             std::string host, std::size_t clients, std::size_t hosts,
                             std::uint64_t seed)
    : streams_(std::move(streams)),
      scenes_(std::move(scenes)),
      host_(std::move(host)),
      seed_(seed) {
    for (std::size_t i = 0; i < clients; ++i)
        keep_alive(live(i));
    for (std::size_t i = 0; i < hosts; ++i)
        keep_alive(host_streams(clients + i));
    thread_ = std::thread([this] { io_.run(); });
}

void OracleClients::keep_alive(asio::awaitable<void> life) {
    ++living_;
    asio::co_spawn(io_, std::move(life), [this](std::exception_ptr failure) {
        --living_;
        if (!failure) return;
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& error) {
            std::fprintf(stderr, "a client ended: %s\n", error.what());
        }
    });
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
    http::request<http::string_body> request;
    request.version(11);
    request.method(http::verb::post);
    if (operation.action == OracleAction::create) {
        request.target("/streams");
        request.body() = "{\"scene_id\":\"" + operation.scene + "\"}";
    } else {
        const std::string& id =
            operation.of_host() ? operation.session : streams_[operation.stream];
        request.target("/streams/" + id + route_of(operation.action));
    }
    if (operation.action == OracleAction::lock) {
        request.method(http::verb::patch);
        request.body() = "{\"locked\":true}";
    }
    if (!request.body().empty()) request.set(http::field::content_type, "application/json");
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
    if (attempt.succeeded()) {
        ++counts_.acknowledged;
        if (attempt.status == 201) ++counts_.created;
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
    bool asks_again = operation.repeatable() && random() % 4 == 0;
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
        const char* kind = operation.key.empty() ? "plain-" : "keyed-";
        attempt.request_id = (operation.of_host() ? "host-" : kind) + std::to_string(seed_) + "-" +
                             std::to_string(++numbered_);
        co_await ask(link, operation, attempt);
        const unsigned status = attempt.status;
        operation.attempts.push_back(std::move(attempt));
        note(operation, operation.attempts.back());
        --in_flight_;

        const bool settled = status != 0 && status != 503;
        // A service in trouble is not asked as fast as it can say so.
        if (!settled) co_await wait(std::chrono::milliseconds(5 + random() % 20));
        if (!operation.repeatable() || (settled && !asks_again)) co_return;
        if (settled) asks_again = false;
    }
}

asio::awaitable<std::string> OracleClients::perform(Link& link, OracleOperation operation,
                                                    std::minstd_rand& random) {
    co_await carry_out(link, operation, random);
    std::string session;
    for (const OracleAttempt& attempt : operation.attempts) {
        if (!attempt.session.empty()) session = attempt.session;
    }
    if (!operation.attempts.empty()) {
        const std::lock_guard lock(finished_mutex_);
        finished_.push_back(std::move(operation));
    }
    co_return session;
}

// A start without a key whose answer was lost leaves a stream that nobody ends, or none: which one
// it is, is the judge's to find out.
asio::awaitable<void> OracleClients::host_streams(std::size_t index) {
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(seed_ * 1000 + index + 1));
    Link link;
    while (!stopping_ && !scenes_.empty()) {
        OracleOperation create;
        create.stream = OracleOperation::no_stream;
        create.action = OracleAction::create;
        create.did = host_;
        create.scene = std::move(scenes_.back());
        scenes_.pop_back();
        if (random() % 3 != 0) {
            create.key = std::to_string(seed_) + "-" + std::to_string(++numbered_);
        }
        std::string session = co_await perform(link, std::move(create), random);
        for (const OracleAction action : afterwards) {
            if (session.empty()) break;
            OracleOperation operation;
            operation.stream = OracleOperation::no_stream;
            operation.action = action;
            operation.did = host_;
            operation.session = session;
            co_await perform(link, std::move(operation), random);
        }
        co_await wait(std::chrono::milliseconds(random() % 100));
    }
}

asio::awaitable<void> OracleClients::live(std::size_t index) {
    std::minstd_rand random(static_cast<std::minstd_rand::result_type>(seed_ * 1000 + index + 1));
    Link link;
    while (!stopping_) {
        OracleOperation operation = next_operation(index, random);
        co_await perform(link, std::move(operation), random);
        // Some rush, some take their time: batches of many sizes.
        if (random() % 3 != 0) co_await wait(std::chrono::milliseconds(random() % 15));
    }
}

}  // namespace subcults::test
