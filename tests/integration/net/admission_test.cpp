#include "integration/net/running_server.hpp"
#include "integration/net/wire.hpp"

#include <catch2/catch.hpp>

#include <sys/resource.h>

#include <deque>

using namespace subcults;
using namespace subcults::test;

TEST_CASE("beyond the connection limit the answer is 503 with Retry-After") {
    auto options = RunningServer::quick();
    options.max_connections = 2;
    RunningServer server(options);
    {
        Wire first(server.port());
        Wire second(server.port());
        REQUIRE(first.ask(get("/hello")));
        REQUIRE(second.ask(get("/hello")));
        Wire third(server.port());
        const auto refused = third.ask(get("/hello"));
        REQUIRE(refused);
        CHECK(refused->status == 503);
        CHECK(refused->header("retry-after") == "1");
        CHECK(refused->header("connection") == "close");
        CHECK(refused->header("x-request-id") != "(none)");
        CHECK(refused->body.find("\"code\":\"overloaded\"") != std::string::npos);
        third.shut_down_sending();
        CHECK(third.closed());
        CHECK(first.ask(get("/hello"))->status == 200);
    }
    server.await_connections(0);
    Wire again(server.port());
    CHECK(again.ask(get("/hello"))->status == 200);
    CHECK(server.seen.requests()[2].status == 503);
}

TEST_CASE("two workers share one port and a thousand connections") {
    rlimit limit{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 8192);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    RunningServer server(RunningServer::quick(), 2);
    std::deque<Wire> wires;
    for (int i = 0; i < 1000; ++i) {
        wires.emplace_back(server.port());
        REQUIRE(wires.back().connected());
    }
    for (int round = 0; round < 3; ++round) {
        for (Wire& wire : wires)
            REQUIRE(wire.send(get("/hello")));
        int good = 0;
        for (Wire& wire : wires) {
            const auto answer = wire.read();
            if (answer && answer->status == 200 && answer->body == "hello") ++good;
        }
        CHECK(good == 1000);
    }
    CHECK(server.connections() == 1000);
    CHECK(server.connections(0) > 100);
    CHECK(server.connections(1) > 100);
    CHECK(server.seen.connections == 1000);
    wires.clear();
    server.await_connections(0);
}

TEST_CASE("an address that cannot be bound is an error that names it") {
    RunningServer server;
    boost::asio::io_context io(1);
    const net::Router router;
    Log log("test", LogLevel::off);
    net::ServerOptions options;
    options.listen = {"127.0.0.1", server.port()};
    net::HttpServer second(io, router, options, {}, log);
    const auto listening = second.listen(false);
    REQUIRE_FALSE(listening);
    CHECK(listening.error().find("127.0.0.1:" + std::to_string(server.port())) !=
          std::string::npos);
    CHECK(listening.error().find("in use") != std::string::npos);
}

TEST_CASE("a server that runs out of descriptors recovers when some are free again") {
    RunningServer server;
    Wire before(server.port());
    REQUIRE(before.ask(get("/hello")));
    rlimit original{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &original) == 0);
    // The client's own socket takes the last free descriptor; the server finds none to accept with.
    std::deque<Wire> spare;
    const int next = ::dup(0);
    ::close(next);
    rlimit tight = original;
    tight.rlim_cur = static_cast<rlim_t>(next) + 1;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &tight) == 0);
    Wire starved(server.port());
    const bool sent = starved.send(get("/hello"));
    const bool answered = starved.readable(std::chrono::milliseconds(120));
    const auto still = before.ask(get("/hello"));
    REQUIRE(setrlimit(RLIMIT_NOFILE, &original) == 0);
    CHECK(sent);
    CHECK_FALSE(answered);
    REQUIRE(still);
    CHECK(still->status == 200);
    const auto late = starved.read();
    REQUIRE(late);
    CHECK(late->status == 200);
}
