#include "integration/net/running_server.hpp"
#include "integration/net/wire.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::test;
using namespace std::string_literals;

TEST_CASE("attempts at smuggling are answered with 400 and the connection is closed") {
    RunningServer server;
    const std::string smuggled = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";
    for (const std::string& headers :
         {"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"s,
          "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"s,
          "Content-Length: 4\r\nContent-Length: 40\r\n"s, "Transfer-Encoding: xchunked\r\n"s,
          "Transfer-Encoding: gzip\r\n"s, "Transfer-Encoding : chunked\r\n"s,
          "X: a\r\n Transfer-Encoding: chunked\r\n"s, "Content-Length: 4\nX: y\r\n"s,
          "Host: second\r\n"s}) {
        CAPTURE(headers);
        Wire wire(server.port());
        const auto answer = wire.ask("POST /echo HTTP/1.1\r\nHost: h\r\nX-Request-ID: s1\r\n" +
                                     headers + "\r\n0\r\n\r\n" + smuggled);
        REQUIRE(answer);
        CHECK(answer->status == 400);
        CHECK(answer->header("connection") == "close");
        CHECK(answer->header("x-request-id") == "s1");
        CHECK(answer->body.find("\"code\":\"bad_request\"") != std::string::npos);
        wire.shut_down_sending();
        CHECK_FALSE(wire.read());
        CHECK(wire.closed());
    }
    for (const auto& seen : server.seen.requests())
        CHECK(seen.status == 400);
}

TEST_CASE("malformed chunks are answered with 400") {
    RunningServer server;
    for (const char* chunks : {"zz\r\n", "5\r\nabcdeXYZ\r\n", "ffffffffffffffffff\r\n"}) {
        Wire wire(server.port());
        const auto answer = wire.ask(
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
            "Transfer-Encoding: chunked\r\n\r\n"s +
            chunks);
        REQUIRE(answer);
        CHECK(answer->status == 400);
        wire.shut_down_sending();
        CHECK(wire.closed());
    }
}

TEST_CASE("another protocol is answered at once") {
    RunningServer server;
    for (const std::string& bytes : {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s,
                                     "GET / HTTP/1.1\n\n"s, "GET / HTTP/3.0\r\n"s}) {
        Wire wire(server.port());
        const auto answer = wire.ask(bytes);
        REQUIRE(answer);
        CHECK(answer->status == 400);
        CHECK(Uuid::parse(answer->header("x-request-id")));
    }
}

TEST_CASE("a head that is too large is answered with 431 although it is still being sent") {
    RunningServer server;
    Wire wire(server.port());
    std::string head = "GET /hello HTTP/1.1\r\nHost: h\r\nX-Request-ID: big\r\n";
    for (int i = 0; i < 2000; ++i)
        head += "X-" + std::to_string(i) + ": " + std::string(200, 'x') + "\r\n";
    const auto answer = wire.ask(head + "\r\n");
    REQUIRE(answer);
    CHECK(answer->status == 431);
    CHECK(answer->header("connection") == "close");
    CHECK(answer->header("x-request-id") == "big");
    wire.shut_down_sending();
    CHECK(wire.closed());
}

TEST_CASE("a request line that is too long is answered with 431") {
    RunningServer server;
    Wire wire(server.port());
    const auto answer = wire.ask(get("/" + std::string(100'000, 'a')));
    REQUIRE(answer);
    CHECK(answer->status == 431);
}

TEST_CASE("a body announced as too large is answered with 413 and can still be sent") {
    RunningServer server;
    Wire wire(server.port());
    const auto answer = wire.ask(post("/echo", std::string(1'500'000, 'x'), "X-Request-ID: b\r\n"));
    REQUIRE(answer);
    CHECK(answer->status == 413);
    CHECK(answer->header("connection") == "close");
    CHECK(answer->header("x-request-id") == "b");
    wire.shut_down_sending();
    CHECK(wire.closed());
}

TEST_CASE("a chunked body that grows too large is answered with 413") {
    RunningServer server;
    Wire wire(server.port());
    REQUIRE(
        wire.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n"));
    const std::string chunk = "1000\r\n" + std::string(4096, 'x') + "\r\n";
    for (int i = 0; i < 300; ++i)
        REQUIRE(wire.send(chunk));
    const auto answer = wire.read();
    REQUIRE(answer);
    CHECK(answer->status == 413);
}

TEST_CASE("a client that asks first is told to go on or told no") {
    RunningServer server;
    const std::string expect = "Expect: 100-continue\r\n";
    {
        Wire wire(server.port());
        const std::string whole = post("/echo", "{\"a\":1}", expect);
        const std::size_t body = whole.find("{\"a\"");
        const auto go_on = wire.ask(whole.substr(0, body));
        REQUIRE(go_on);
        CHECK(go_on->status == 100);
        const auto answer = wire.ask(whole.substr(body));
        REQUIRE(answer);
        CHECK(answer->status == 200);
        CHECK(answer->body == "{\"a\":1}");
        CHECK(wire.ask(get("/hello"))->status == 200);
    }
    const std::string unsent = "Host: h\r\nContent-Type: application/json\r\n" + expect;
    for (const auto& [request, status] :
         {std::pair("POST /echo HTTP/1.1\r\nContent-Length: 9999999\r\n"s, 413U),
          std::pair("POST /guarded HTTP/1.1\r\nContent-Length: 10\r\n"s, 401U),
          std::pair("POST /nothing HTTP/1.1\r\nContent-Length: 10\r\n"s, 404U)}) {
        Wire wire(server.port());
        const auto answer = wire.ask(request + unsent + "\r\n");
        REQUIRE(answer);
        CHECK(answer->status == status);
        CHECK(answer->header("connection") == "close");
    }
}

TEST_CASE("HTTP/1.0 works, with and without keep-alive") {
    RunningServer server;
    {
        Wire wire(server.port());
        const auto answer = wire.ask("GET /hello HTTP/1.0\r\n\r\n");
        REQUIRE(answer);
        CHECK(answer->body == "hello");
        CHECK(answer->header("connection") == "close");
        CHECK(wire.closed());
    }
    Wire wire(server.port());
    for (int i = 0; i < 3; ++i) {
        const auto answer = wire.ask("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        REQUIRE(answer);
        CHECK(answer->header("connection") == "keep-alive");
    }
}

TEST_CASE("a missing host, blank lines before a request, an upgrade") {
    RunningServer server;
    Wire wire(server.port());
    CHECK(wire.ask("\r\n\r\n" + get("/hello", "Connection: upgrade\r\nUpgrade: websocket\r\n"))
              ->status == 200);
    CHECK(wire.ask("GET /hello HTTP/1.1\r\n\r\n")->status == 400);
}
