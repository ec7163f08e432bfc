#include "integration/net/running_server.hpp"
#include "integration/net/wire.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::test;
using namespace std::chrono_literals;

TEST_CASE("shutdown closes idle connections at once and lets requests in flight finish") {
    RunningServer server;
    Wire idle(server.port());
    REQUIRE(idle.ask(get("/hello")));
    Wire unused(server.port());
    Wire busy(server.port());
    REQUIRE(busy.send(get("/wait")));
    server.gate.await_waiting(1);
    server.await_connections(3);

    auto done = server.shut_down();
    CHECK(idle.closed());
    CHECK(unused.closed());
    CHECK(done.wait_for(20ms) == std::future_status::timeout);
    CHECK_FALSE(Wire(server.port()).connected());

    server.gate.open = true;
    const auto answer = busy.read();
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->body == "waited");
    CHECK(answer->header("connection") == "close");
    CHECK(busy.closed());
    CHECK(done.wait_for(5s) == std::future_status::ready);
    CHECK(server.connections() == 0);
}

TEST_CASE("shutdown of an empty server is done at once, and the worker runs out of work") {
    RunningServer server;
    auto done = server.shut_down();
    REQUIRE(done.wait_for(5s) == std::future_status::ready);
    auto again = server.shut_down();
    REQUIRE(again.wait_for(5s) == std::future_status::ready);
    server.worker().release();
    server.worker().join();
    CHECK(server.connections() == 0);
}

TEST_CASE("what waits in the accept queue when shutdown begins is still answered") {
    RunningServer server;
    // Keep the worker busy so that connections pile up in the queue of the listener.
    std::promise<void> blocked;
    std::promise<void> go;
    auto go_on = go.get_future();
    boost::asio::post(server.worker().io(), [&] {
        blocked.set_value();
        go_on.wait();
    });
    blocked.get_future().wait();
    std::vector<Wire> wires;
    for (int i = 0; i < 200; ++i) {
        wires.emplace_back(server.port());
        REQUIRE(wires.back().send(get("/hello")));
    }
    auto done = server.shut_down();
    go.set_value();
    int good = 0;
    for (Wire& wire : wires) {
        const auto answer = wire.read();
        if (answer && answer->status == 200 && answer->header("connection") == "close") ++good;
    }
    CHECK(good == 200);
    wires.clear();
    CHECK(done.wait_for(5s) == std::future_status::ready);
}

TEST_CASE("a request that is half sent when shutdown begins is answered") {
    RunningServer server;
    Wire wire(server.port());
    REQUIRE(wire.ask(get("/hello")));
    const std::string request = post("/echo", "[1,2,3]");
    REQUIRE(wire.send(request.substr(0, 30)));
    Wire probe(server.port());
    REQUIRE(probe.ask(get("/hello")));
    auto done = server.shut_down();
    CHECK(probe.closed());
    const auto answer = wire.ask(request.substr(30));
    REQUIRE(answer);
    CHECK(answer->body == "[1,2,3]");
    CHECK(answer->header("connection") == "close");
    CHECK(done.wait_for(5s) == std::future_status::ready);
}

TEST_CASE("abort closes what shutdown would wait for") {
    RunningServer server;
    Wire wire(server.port());
    REQUIRE(wire.send("GET /hello HTTP/1.1\r\n"));
    Wire busy(server.port());
    REQUIRE(busy.send(get("/wait")));
    server.gate.await_waiting(1);
    auto done = server.shut_down();
    server.abort();
    CHECK(wire.closed());
    CHECK_FALSE(busy.read());
    // The handler is not torn down: it ends by itself.
    CHECK(done.wait_for(20ms) == std::future_status::timeout);
    server.gate.open = true;
    CHECK(done.wait_for(5s) == std::future_status::ready);
}

TEST_CASE("a worker that stops with requests in flight can be destroyed") {
    RunningServer server;
    Wire wire(server.port());
    REQUIRE(wire.send(get("/wait")));
    server.gate.await_waiting(1);
    server.worker().stop();
    server.worker().join();
    CHECK(server.connections() == 1);
}
