// Servers on worker threads, with the routes that the tests of this folder share.
#pragma once

#include "base/log.hpp"
#include "net/server.hpp"
#include "net/workers.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace subcults::test {

// A gate that handlers wait at until the test opens it. Any thread.
class Gate {
  public:
    boost::asio::awaitable<void> pass() {
        ++waiting;
        auto executor = co_await boost::asio::this_coro::executor;
        boost::asio::steady_timer timer(executor);
        while (!open) {
            timer.expires_after(std::chrono::milliseconds(2));
            co_await timer.async_wait(boost::asio::use_awaitable);
        }
        ++passed;
    }
    void await_waiting(int count) const {
        while (waiting < count)
            std::this_thread::yield();
    }
    void await_passed(int count) const {
        while (passed < count)
            std::this_thread::yield();
    }
    std::atomic<bool> open{false};
    std::atomic<int> waiting{0};
    std::atomic<int> passed{0};
};

struct SeenRequest {
    net::Method method;
    std::string route;
    unsigned status;
    std::string request_id;
    std::size_t bytes;
};

// What the hooks reported; any thread.
class Seen {
  public:
    void add(const net::RequestFacts& facts) {
        const std::lock_guard lock(mutex_);
        SeenRequest seen{};
        seen.method = facts.method;
        seen.route = facts.route != nullptr ? facts.route->pattern : "(none)";
        seen.status = facts.status;
        seen.request_id = facts.request_id;
        seen.bytes = facts.response_bytes;
        requests_.push_back(std::move(seen));
    }
    std::vector<SeenRequest> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }
    std::atomic<int> connections{0};

  private:
    mutable std::mutex mutex_;
    std::vector<SeenRequest> requests_;
};

inline net::Response text_response(std::string text) {
    return net::json_response(200, std::move(text));
}

class RunningServer {
  public:
    using Admit = std::function<std::optional<net::Response>(net::Request&, const net::Route*)>;

    explicit RunningServer(net::ServerOptions options = quick(), std::size_t workers = 1,
                           Admit admit_hook = {})
        : admit(std::move(admit_hook)),
          sink_(std::make_shared<spdlog::logger>(
              "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines_))),
          log_("test", LogLevel::info, sink_) {
        add_routes();
        options.listen = {"127.0.0.1", 0};
        net::ServerHooks hooks;
        hooks.on_request = [this](const net::RequestFacts& facts) { seen.add(facts); };
        hooks.on_connection = [this](int delta) { seen.connections += delta; };
        hooks.on_shed = [this](net::ShedReason reason) {
            ++shed[static_cast<std::size_t>(reason)];
        };
        hooks.admit = [this](net::Request& request, const net::Route* route) {
            return admit ? admit(request, route) : std::nullopt;
        };
        for (std::size_t i = 0; i < workers; ++i) {
            workers_.push_back(
                std::make_unique<net::Worker>("server", [this](std::exception_ptr) { ++escaped; }));
            servers_.push_back(std::make_unique<net::HttpServer>(workers_.back()->io(), router_,
                                                                 options, hooks, log_));
            const auto listening = servers_.back()->listen(workers > 1);
            if (!listening) throw std::runtime_error(listening.error());
            options.listen.port = servers_.front()->port();
        }
        for (auto& worker : workers_)
            worker->start();
    }
    ~RunningServer() {
        gate.open = true;
        for (auto& worker : workers_)
            worker->stop();
        for (auto& worker : workers_)
            worker->join();
        servers_.clear();
    }

    std::uint16_t port() const { return servers_.front()->port(); }
    std::size_t connections() const {
        std::size_t sum = 0;
        for (const auto& server : servers_)
            sum += server->connections();
        return sum;
    }
    std::size_t connections(std::size_t worker) const { return servers_[worker]->connections(); }
    void await_connections(std::size_t count) const {
        while (connections() != count)
            std::this_thread::yield();
    }
    // Starts the shutdown of the first worker's server; the future is ready when it is empty.
    std::future<void> shut_down() {
        auto done = std::make_shared<std::promise<void>>();
        auto future = done->get_future();
        boost::asio::post(workers_.front()->io(), [this, done] {
            servers_.front()->shutdown([done] { done->set_value(); });
        });
        return future;
    }
    void abort() {
        boost::asio::post(workers_.front()->io(), [this] { servers_.front()->abort(); });
    }
    net::Worker& worker() { return *workers_.front(); }
    // Only after the worker has stopped or the lines can no longer change.
    std::string log_text() const { return lines_.str(); }

    static net::ServerOptions quick() {
        net::ServerOptions options;
        options.max_header_bytes = 4096;
        options.common_headers = "Server: subcults\r\n";
        return options;
    }

    Gate gate;
    Seen seen;
    std::atomic<int> escaped{0};
    std::atomic<bool> guard_ran{false};
    std::array<std::atomic<int>, net::shed_reason_count> shed{};
    const Admit admit;

  private:
    void add_routes();

    std::ostringstream lines_;
    std::shared_ptr<spdlog::logger> sink_;
    Log log_;
    net::Router router_;
    std::vector<std::unique_ptr<net::Worker>> workers_;
    std::vector<std::unique_ptr<net::HttpServer>> servers_;
};

inline void RunningServer::add_routes() {
    using boost::asio::awaitable;
    using net::Method;
    using net::Request;
    using net::Response;
    router_.add(Method::get, "/hello", {},
                [](Request&) -> awaitable<Response> { co_return text_response("hello"); });
    net::RouteOptions small;
    small.max_body_bytes = 200'000;
    router_.add(Method::post, "/echo", small, [](Request& request) -> awaitable<Response> {
        co_return text_response(std::string(request.body()));
    });
    router_.add(Method::get, "/wait", {}, [this](Request&) -> awaitable<Response> {
        co_await gate.pass();
        co_return text_response("waited");
    });
    net::RouteOptions essential;
    essential.essential = true;
    router_.add(Method::get, "/alive", essential,
                [](Request&) -> awaitable<Response> { co_return text_response("alive"); });
    router_.add(Method::get, "/large", {}, [](Request&) -> awaitable<Response> {
        co_return text_response(std::string(8 * 1024 * 1024, 'x'));
    });
    router_.add(Method::get, "/throw/{id:uuid}", {}, [](Request&) -> awaitable<Response> {
        throw std::runtime_error("secret detail");
        co_return Response{};
    });
    router_.add(Method::get, "/inspect/{name}", {}, [](Request& request) -> awaitable<Response> {
        std::string text = request.text_params.at(0);
        for (const auto& [name, value] : request.query())
            text += "|" + name + "=" + value;
        text += "|" + std::string(request.path());
        text += "|" + std::string(request.remote_address());
        text += "|" + std::string(request.header("x-note").value_or("-"));
        text += request.deadline > SteadyClock::now() ? "|in time" : "|late";
        co_return text_response(text);
    });
    net::RouteOptions guarded;
    guarded.guards.push_back([this](Request& request) -> std::optional<Response> {
        guard_ran = true;
        if (request.header("authorization") == std::string_view("throw")) {
            throw std::runtime_error("guard broke");
        }
        if (request.header("authorization")) {
            request.principal.did = "did:example:a";
            return std::nullopt;
        }
        return net::error_response(401, "unauthorized", "who are you?", request.request_id);
    });
    router_.add(Method::post, "/guarded", guarded, [](Request& request) -> awaitable<Response> {
        co_return text_response(request.principal.did + std::string(request.body()));
    });
    net::RouteOptions any;
    any.content_types.clear();
    router_.add(Method::post, "/any", any, [](Request& request) -> awaitable<Response> {
        co_return text_response(std::to_string(request.body().size()));
    });
    router_.add(Method::get, "/closing", {}, [](Request&) -> awaitable<Response> {
        Response response = text_response("bye");
        response.close = true;
        co_return response;
    });
}

}  // namespace subcults::test
