#include "integration/net/running_server.hpp"
#include "integration/net/wire.hpp"

#include <catch2/catch.hpp>

using namespace subcults;
using namespace subcults::test;

namespace {

std::string envelope(std::string_view code, std::string_view request_id) {
    return "{\"error\":{\"code\":\"" + std::string(code) + "\",\"message\":\"" +
           "*\",\"request_id\":\"" + std::string(request_id) + "\"}}";
}

// The envelope with its message replaced by a star.
std::string shape(const std::string& body) {
    const std::size_t from = body.find("\"message\":\"") + 11;
    const std::size_t to = body.find("\",\"request_id\"");
    return body.substr(0, from) + "*" + body.substr(to);
}

}  // namespace

TEST_CASE("one connection serves many requests") {
    RunningServer server;
    Wire wire(server.port());
    for (int i = 0; i < 100; ++i) {
        const auto answer = wire.ask(get("/hello"));
        REQUIRE(answer);
        CHECK(answer->status == 200);
        CHECK(answer->body == "hello");
        CHECK(answer->header("connection") == "(none)");
        CHECK(answer->header("server") == "subcults");
        CHECK(answer->header("content-type") == "application/json; charset=utf-8");
        CHECK(answer->header("date").size() == 29);
    }
    CHECK(server.connections() == 1);
    CHECK(server.seen.requests().size() == 100);
}

TEST_CASE("pipelined requests are answered in order") {
    RunningServer server;
    Wire wire(server.port());
    std::string burst;
    for (int i = 0; i < 200; ++i) {
        const std::string id = "X-Request-ID: r" + std::to_string(i) + "\r\n";
        burst += i % 3 == 0 ? get("/hello", id) : post("/echo", "body " + std::to_string(i), id);
    }
    REQUIRE(wire.send(burst));
    for (int i = 0; i < 200; ++i) {
        const auto answer = wire.read();
        REQUIRE(answer);
        CHECK(answer->header("x-request-id") == "r" + std::to_string(i));
        CHECK(answer->body == (i % 3 == 0 ? "hello" : "body " + std::to_string(i)));
    }
}

TEST_CASE("an answer does not wait for the slower handler behind it in the pipeline") {
    RunningServer server;
    Wire wire(server.port());
    REQUIRE(wire.send(get("/hello") + get("/wait") + get("/hello")));
    const auto first = wire.read();
    REQUIRE(first);
    CHECK(first->body == "hello");
    server.gate.await_waiting(1);
    server.gate.open = true;
    REQUIRE(wire.read()->body == "waited");
    REQUIRE(wire.read()->body == "hello");
}

TEST_CASE("a request may arrive byte by byte") {
    RunningServer server;
    Wire wire(server.port());
    for (const char c : post("/echo", "{\"a\":1}"))
        REQUIRE(wire.send(std::string_view(&c, 1)));
    const auto answer = wire.read();
    REQUIRE(answer);
    CHECK(answer->body == "{\"a\":1}");
}

TEST_CASE("bodies of every size arrive whole") {
    RunningServer server;
    Wire wire(server.port());
    for (const std::size_t size : {0U, 1U, 1500U, 2048U, 16384U, 16385U, 70'000U, 200'000U}) {
        std::string body(size, 'x');
        for (std::size_t i = 0; i < size; ++i)
            body[i] = static_cast<char>('a' + i % 23);
        CAPTURE(size);
        const auto answer = wire.ask(post("/echo", body));
        REQUIRE(answer);
        CHECK(answer->status == 200);
        CHECK(answer->body == body);
    }
}

TEST_CASE("a chunked upload is put together") {
    RunningServer server;
    Wire wire(server.port());
    const std::string head =
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\nX-Request-ID: chunky\r\n\r\n";
    const auto answer =
        wire.ask(head + "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: 1\r\n\r\n" + get("/hello"));
    REQUIRE(answer);
    CHECK(answer->body == "abcdefg");
    CHECK(answer->header("x-request-id") == "chunky");
    REQUIRE(wire.read()->body == "hello");

    REQUIRE(wire.send(head));
    std::string expected;
    for (int i = 0; i < 50; ++i) {
        const std::string piece(3000, static_cast<char>('a' + i % 26));
        expected += piece;
        REQUIRE(wire.send("bb8\r\n" + piece + "\r\n"));
    }
    const auto large = wire.ask("0\r\n\r\n");
    REQUIRE(large);
    CHECK(large->body == expected);
    CHECK(large->header("x-request-id") == "chunky");
}

TEST_CASE("HEAD is GET without the body") {
    RunningServer server;
    Wire wire(server.port());
    const auto answer = wire.ask("HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\n", true);
    REQUIRE(answer);
    CHECK(answer->status == 200);
    CHECK(answer->header("content-length") == "5");
    const auto missing = wire.ask("HEAD /nothing HTTP/1.1\r\nHost: h\r\n\r\n", true);
    REQUIRE(missing);
    CHECK(missing->status == 404);
    REQUIRE(wire.ask(get("/hello"))->body == "hello");
}

TEST_CASE("unknown paths and methods get the envelope, and the connection survives") {
    RunningServer server;
    Wire wire(server.port());
    const auto missing = wire.ask(get("/nothing", "X-Request-ID: q1\r\n"));
    REQUIRE(missing);
    CHECK(missing->status == 404);
    CHECK(shape(missing->body) == envelope("not_found", "q1"));
    const auto other = wire.ask("DELETE /hello HTTP/1.1\r\nHost: h\r\nX-Request-ID: q2\r\n\r\n");
    REQUIRE(other);
    CHECK(other->status == 405);
    CHECK(other->header("allow") == "GET, HEAD");
    CHECK(shape(other->body) == envelope("method_not_allowed", "q2"));
    for (const char* line :
         {"TRACE /hello", "TRACE /nothing", "CONNECT example.org:443", "OPTIONS *"}) {
        const auto answer = wire.ask(std::string(line) + " HTTP/1.1\r\nHost: h\r\n\r\n");
        REQUIRE(answer);
        CHECK(answer->status == 405);
        CHECK(answer->header("allow") == "GET, HEAD, POST");
    }
    CHECK(wire.ask("BREW /hello HTTP/1.1\r\nHost: h\r\n\r\n")->status == 405);
    CHECK(wire.ask("BREW /nothing HTTP/1.1\r\nHost: h\r\n\r\n")->status == 404);
    CHECK(wire.ask(get("/throw/not-a-uuid"))->status == 404);
    CHECK(server.connections() == 1);
}

TEST_CASE("a refused request's small body is skipped so that the connection survives") {
    RunningServer server;
    Wire wire(server.port());
    CHECK(wire.ask(post("/nothing", std::string(5000, 'x')))->status == 404);
    CHECK(wire.ask(post("/guarded", std::string(60'000, 'x')))->status == 401);
    CHECK(wire.ask("POST /nothing HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nabc\r\n0\r\n\r\n")
              ->status == 404);
    CHECK(wire.ask(post("/echo", "x", {}, "text/plain"))->status == 415);
    CHECK(wire.ask(get("/hello"))->body == "hello");
    CHECK(server.connections() == 1);
}

TEST_CASE("the request id is echoed when acceptable and replaced when not") {
    RunningServer server;
    Wire wire(server.port());
    CHECK(wire.ask(get("/hello", "x-request-id: abc_-9Z\r\n"))->header("x-request-id") ==
          "abc_-9Z");
    for (const std::string& bad : {std::string("a b"), std::string(129, 'x'), std::string("\"'")}) {
        const auto answer = wire.ask(get("/hello", "X-Request-ID: " + bad + "\r\n"));
        REQUIRE(answer);
        const auto id = Uuid::parse(answer->header("x-request-id"));
        REQUIRE(id);
        CHECK((id->bytes[6] >> 4U) == 7);
    }
    const auto first = wire.ask(get("/hello"))->header("x-request-id");
    CHECK(wire.ask(get("/hello"))->header("x-request-id") != first);
}

TEST_CASE("a handler sees what was sent") {
    RunningServer server;
    Wire wire(server.port());
    CHECK(wire.ask(get("/inspect/a%20b?x=1&y=%C3%A9+z", "X-Note: n\r\n"))->body ==
          "a b|x=1|y=\xC3\xA9 z|/inspect/a%20b|127.0.0.1|n|in time");
    CHECK(wire.ask(get("http://elsewhere/inspect/q?k"))->body ==
          "q|k=|/inspect/q|127.0.0.1|-|in time");
    CHECK(wire.ask(get("/hello?a=%"))->status == 400);
    CHECK(wire.ask(get("/hello?a=%ff"))->status == 400);
    CHECK(wire.ask(get("/inspect/%ff"))->status == 400);
    CHECK(wire.ask(get("elsewhere"))->status == 400);
}

TEST_CASE("a failing handler is a 500 that tells the client nothing") {
    RunningServer server;
    {
        Wire wire(server.port());
        const auto answer =
            wire.ask(get("/throw/0191d2a4-7b3c-7def-8123-456789abcdef",
                         "X-Request-ID: boom\r\n"
                         "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
                         "tracestate: congo=t61rcWkgMzE\r\n"));
        REQUIRE(answer);
        CHECK(answer->status == 500);
        CHECK(shape(answer->body) == envelope("internal_error", "boom"));
        CHECK(answer->body.find("secret") == std::string::npos);
        CHECK(wire.ask(post("/guarded", "", "Authorization: throw\r\n"))->status == 500);
        CHECK(wire.ask(get("/hello"))->body == "hello");
        server.worker().stop();
        server.worker().join();
    }
    CHECK(server.escaped == 0);
    CHECK(server.log_text().find("secret detail") != std::string::npos);
    CHECK(server.log_text().find("boom") != std::string::npos);
    CHECK(server.log_text().find("/throw/{id}") != std::string::npos);
    CHECK(server.log_text().find(
              "\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\",\"span_id\":\"") !=
          std::string::npos);
    CHECK(server.log_text().find("b7ad6b7169203331") == std::string::npos);
    CHECK(server.log_text().find("congo") == std::string::npos);
}

TEST_CASE("checks happen in order: path, guard, type, length") {
    RunningServer server;
    Wire wire(server.port());
    const std::string auth = "Authorization: x\r\n";
    CHECK(wire.ask(post("/nothing", "x", {}, "text/plain"))->status == 404);
    CHECK_FALSE(server.guard_ran);
    CHECK(wire.ask(post("/guarded", "x", {}, "text/plain"))->status == 401);
    CHECK(wire.ask(post("/guarded", "x", auth, "text/plain"))->status == 415);
    CHECK(wire.ask(post("/guarded", "x", auth, ""))->status == 415);
    CHECK(wire.ask(post("/guarded", "", auth, "text/plain"))->body == "did:example:a");
    CHECK(wire.ask(post("/guarded", "!", auth, "Application/JSON; charset=utf-8"))->body ==
          "did:example:a!");
    CHECK(wire.ask(post("/any", "abc", {}, "x/y"))->body == "3");
    const std::string chunked =
        "POST /guarded HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n" + auth;
    CHECK(wire.ask(chunked + "\r\n0\r\n\r\n")->status == 200);
    CHECK(wire.ask(chunked + "\r\n1\r\nx\r\n0\r\n\r\n")->status == 415);
    CHECK(wire.ask(get("/hello"))->status == 200);
}

TEST_CASE("every answer is reported with its route, status and id") {
    RunningServer server;
    Wire wire(server.port());
    wire.ask(get("/inspect/x", "X-Request-ID: a\r\n"));
    wire.ask(get("/nothing", "X-Request-ID: b\r\n"));
    wire.ask("NONSENSE\r\n\r\n");
    const auto seen = server.seen.requests();
    REQUIRE(seen.size() == 3);
    CHECK(seen[0].route == "/inspect/{name}");
    CHECK(seen[0].status == 200);
    CHECK(seen[0].request_id == "a");
    CHECK(seen[0].bytes > 100);
    CHECK(seen[1].route == "(none)");
    CHECK(seen[1].status == 404);
    CHECK(seen[2].route == "(none)");
    CHECK(seen[2].status == 400);
    CHECK(server.seen.connections == 1);
}
