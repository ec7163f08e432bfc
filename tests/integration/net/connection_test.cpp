#include "integration/net/running_server.hpp"
#include "integration/net/wire.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::test;
using namespace std::chrono_literals;

TEST_CASE("a head that arrives too slowly is answered with 408") {
    auto options = RunningServer::quick();
    options.header_timeout = 60ms;
    RunningServer server(options);
    Wire wire(server.port());
    REQUIRE(wire.send("GET /hello HTTP/1.1\r\nHost: h\r\nX-Request-ID: slow\r\nX-"));
    const auto answer = wire.read();
    REQUIRE(answer);
    CHECK(answer->status == 408);
    CHECK(answer->header("connection") == "close");
    CHECK(answer->header("x-request-id") == "slow");
    wire.shut_down_sending();
    CHECK(wire.closed());
    const auto seen = server.seen.requests();
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].status == 408);
}

TEST_CASE("a head that drips byte by byte does not extend its time") {
    auto options = RunningServer::quick();
    options.header_timeout = 80ms;
    RunningServer server(options);
    Wire wire(server.port());
    REQUIRE(wire.send("GET /hello HTTP/1.1\r\nX-Long: "));
    while (!wire.readable(5ms)) {
        if (!wire.send("x")) break;
    }
    const auto answer = wire.read();
    REQUIRE(answer);
    CHECK(answer->status == 408);
}

TEST_CASE("a body that arrives too slowly is answered with 408") {
    auto options = RunningServer::quick();
    options.body_timeout = 60ms;
    RunningServer server(options);
    for (const char* framing :
         {"Content-Length: 10\r\n\r\nabc", "Content-Length: 100000\r\n\r\nabc",
          "Transfer-Encoding: chunked\r\n\r\n5\r\nab"}) {
        CAPTURE(framing);
        Wire wire(server.port());
        REQUIRE(wire.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"));
        REQUIRE(wire.send(framing));
        const auto answer = wire.read();
        REQUIRE(answer);
        CHECK(answer->status == 408);
        CHECK(answer->header("connection") == "close");
    }
}

TEST_CASE("an idle connection is closed without a word") {
    auto options = RunningServer::quick();
    options.idle_timeout = 60ms;
    RunningServer server(options);
    Wire wire(server.port());
    const auto before = std::chrono::steady_clock::now();
    REQUIRE(wire.ask(get("/hello")));
    CHECK(wire.closed());
    // It was left open for its time: the wait began after this test had asked.
    CHECK(std::chrono::steady_clock::now() - before >= options.idle_timeout);
    server.await_connections(0);
    CHECK(server.seen.requests().size() == 1);
}

TEST_CASE("a connection on which nothing is ever sent is closed") {
    auto options = RunningServer::quick();
    options.header_timeout = 60ms;
    RunningServer server(options);
    Wire wire(server.port());
    CHECK(wire.closed());
}

TEST_CASE("a reader that does not read loses its connection, not the server's time") {
    auto options = RunningServer::quick();
    options.write_timeout = 100ms;
    RunningServer server(options);
    Wire wire(server.port());
    wire.small_receive_buffer();
    REQUIRE(wire.send(get("/large")));
    server.await_connections(1);
    server.await_connections(0);
    Wire other(server.port());
    CHECK(other.ask(get("/hello"))->status == 200);
}

TEST_CASE("a large answer arrives whole") {
    RunningServer server;
    Wire wire(server.port());
    const auto answer = wire.ask(get("/large"));
    REQUIRE(answer);
    CHECK(answer->body.size() == 8 * 1024 * 1024);
    REQUIRE(wire.send(get("/large") + get("/hello")));
    CHECK(wire.read()->body.size() == 8 * 1024 * 1024);
    CHECK(wire.read()->body == "hello");
}

TEST_CASE("a handler finishes although its client has gone") {
    RunningServer server;
    {
        Wire wire(server.port());
        REQUIRE(wire.send(get("/wait")));
        server.gate.await_waiting(1);
        wire.reset();
    }
    server.gate.open = true;
    server.gate.await_passed(1);
    server.await_connections(0);
    Wire wire(server.port());
    CHECK(wire.ask(get("/hello"))->status == 200);
}

TEST_CASE("clients that vanish at any point leave nothing behind") {
    RunningServer server;
    const std::string request = post("/echo", std::string(30'000, 'x'));
    for (const std::size_t sent : {0U, 1U, 20U, 60U, 150U, 5000U, 29'000U}) {
        Wire wire(server.port());
        REQUIRE(wire.send(std::string_view(request).substr(0, sent)));
        if (sent % 2 == 0) wire.reset();
    }
    Wire wire(server.port());
    CHECK(wire.ask(get("/hello"))->status == 200);
    server.await_connections(1);
}

TEST_CASE("a half-closed client still gets its answer") {
    RunningServer server;
    Wire wire(server.port());
    REQUIRE(wire.send(get("/hello")));
    wire.shut_down_sending();
    REQUIRE(wire.read()->body == "hello");
    CHECK(wire.closed());
}

TEST_CASE("an answer may close the connection, and what was pipelined behind it is not run") {
    RunningServer server;
    Wire wire(server.port());
    REQUIRE(wire.send(get("/closing") + get("/hello")));
    const auto answer = wire.read();
    REQUIRE(answer);
    CHECK(answer->header("connection") == "close");
    CHECK(wire.closed());
    CHECK(server.seen.requests().size() == 1);
}
