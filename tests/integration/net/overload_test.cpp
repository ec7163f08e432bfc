// What the server refuses before a handler sees it: overload, and whatever the admitting hook says.
#include "integration/net/running_server.hpp"
#include "integration/net/wire.hpp"

#include <catch2/catch.hpp>

#include <chrono>

using namespace subcults;
using namespace subcults::test;
using namespace std::chrono_literals;

namespace {

int shed_for(const RunningServer& server, net::ShedReason reason) {
    return server.shed[static_cast<std::size_t>(reason)];
}

}  // namespace

TEST_CASE("with all handlers taken, requests get 503 at once, health checks an answer") {
    auto options = RunningServer::quick();
    options.load.handlers = 2;
    RunningServer server(options);
    Wire first(server.port());
    Wire second(server.port());
    REQUIRE(first.send(get("/wait")));
    REQUIRE(second.send(get("/wait")));
    server.gate.await_waiting(2);

    Wire third(server.port());
    const auto refused = third.ask(get("/hello"));
    REQUIRE(refused);
    CHECK(refused->status == 503);
    CHECK(refused->header("retry-after") == "1");
    CHECK(refused->header("connection") == "(none)");
    CHECK(refused->body.find("\"code\":\"overloaded\"") != std::string::npos);
    CHECK(third.ask(get("/alive"))->status == 200);
    CHECK(third.ask(get("/nothing"))->status == 404);
    CHECK(shed_for(server, net::ShedReason::concurrency) == 1);

    server.gate.open = true;
    CHECK(first.read()->status == 200);
    CHECK(second.read()->status == 200);
    CHECK(third.ask(get("/hello"))->status == 200);
}

TEST_CASE("a request whose body took its time is asked again before its handler runs") {
    auto options = RunningServer::quick();
    options.load.handlers = 1;
    RunningServer server(options);
    Wire slow(server.port());
    const std::string request = post("/echo", "{\"a\":1}");
    REQUIRE(slow.send(std::string_view(request).substr(0, request.size() - 3)));
    Wire other(server.port());
    REQUIRE(other.ask(get("/hello")));  // the slow one's head has been seen
    REQUIRE(other.send(get("/wait")));
    server.gate.await_waiting(1);
    const auto refused = slow.ask(std::string_view(request).substr(request.size() - 3));
    REQUIRE(refused);
    CHECK(refused->status == 503);
    server.gate.open = true;
    CHECK(other.read()->status == 200);
    CHECK(slow.ask(request)->status == 200);
}

TEST_CASE("slow senders take no handler's place") {
    auto options = RunningServer::quick();
    options.load.handlers = 1;
    RunningServer server(options);
    std::vector<Wire> slow;
    for (int i = 0; i < 20; ++i) {
        slow.emplace_back(server.port());
        const std::string request = post("/echo", "{\"a\":1}");
        REQUIRE(slow.back().send(std::string_view(request).substr(0, request.size() - 1)));
    }
    Wire other(server.port());
    CHECK(other.ask(get("/hello"))->status == 200);
    CHECK(shed_for(server, net::ShedReason::concurrency) == 0);
}

TEST_CASE("while the loop runs late, requests get 503, and afterwards they are served again") {
    auto options = RunningServer::quick();
    options.load.lag = 50ms;
    RunningServer server(options);
    Wire wire(server.port());
    Wire health(server.port());
    // Two sweeps have passed once this many milliseconds have: the meter runs.
    const auto warm = std::chrono::steady_clock::now() + 250ms;
    while (std::chrono::steady_clock::now() < warm)
        REQUIRE(wire.ask(get("/alive"))->status == 200);

    std::atomic<bool> blocked{false};
    std::atomic<bool> go_on{false};
    boost::asio::post(server.worker().io(), [&] {
        const auto until = std::chrono::steady_clock::now() + 300ms;
        blocked = true;
        while (!go_on || std::chrono::steady_clock::now() < until)
            std::this_thread::yield();
    });
    while (!blocked)
        std::this_thread::yield();
    REQUIRE(wire.send(get("/hello")));
    REQUIRE(health.send(get("/alive")));
    go_on = true;
    const auto refused = wire.read();
    REQUIRE(refused);
    CHECK(refused->status == 503);
    CHECK(health.read()->status == 200);
    CHECK(shed_for(server, net::ShedReason::lag) >= 1);

    const auto patience = std::chrono::steady_clock::now() + 5s;
    unsigned status = 503;
    while (status == 503 && std::chrono::steady_clock::now() < patience)
        status = wire.ask(get("/hello"))->status;
    CHECK(status == 200);
}

TEST_CASE("a connection too many is counted as shed") {
    auto options = RunningServer::quick();
    options.max_connections = 1;
    RunningServer server(options);
    Wire first(server.port());
    REQUIRE(first.ask(get("/hello")));
    Wire second(server.port());
    CHECK(second.ask(get("/hello"))->status == 503);
    CHECK(shed_for(server, net::ShedReason::connections) == 1);
}

TEST_CASE("the admitting hook sees every request first, and its headers are on every answer") {
    RunningServer server(
        RunningServer::quick(), 1, [](net::Request& request, const net::Route* route) {
            std::optional<net::Response> answer;
            request.answer_headers.set("X-Route", route != nullptr ? "yes" : "no");
            if (request.header("x-stop")) {
                answer = net::error_response(429, "rate_limited", "stop", request.request_id);
            }
            if (request.header("x-throw")) throw std::runtime_error("secret");
            return answer;
        });
    Wire wire(server.port());
    CHECK(wire.ask(get("/hello"))->header("x-route") == "yes");
    CHECK(wire.ask(get("/nothing"))->header("x-route") == "no");
    const auto wrong_method = wire.ask("DELETE /hello HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(wrong_method->status == 405);
    CHECK(wrong_method->header("x-route") == "no");
    const auto stopped = wire.ask(post("/guarded", "{}", "X-Stop: 1\r\n"));
    CHECK(stopped->status == 429);
    CHECK(stopped->header("x-route") == "yes");
    CHECK_FALSE(server.guard_ran);
    CHECK(wire.ask(get("/nothing", "X-Stop: 1\r\n"))->status == 429);
    const auto broken = wire.ask(get("/hello", "X-Throw: 1\r\n"));
    CHECK(broken->status == 500);
    CHECK(broken->body.find("secret") == std::string::npos);
    // Headers of one request do not stick to the next.
    CHECK(wire.ask("BROKEN\r\n\r\n")->header("x-route") == "(none)");
}
