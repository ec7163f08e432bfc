#include "net/ws_client.hpp"

#include "integration/net/ws_server.hpp"
#include "support/asio_test.hpp"

#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <optional>

using namespace subcults;
using namespace subcults::net;
using namespace subcults::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

using Stage = WsConnectError::Stage;
using asio::awaitable;

void send(ServerStream& ws, std::string_view data, bool binary = false) {
    ws.binary(binary);
    ws.write(asio::buffer(data.data(), data.size()));
}

// Reads (and so answers pings and close frames) until the client is gone.
void listen(ServerStream& ws) {
    beast::flat_buffer buffer;
    for (;;) {
        ws.read(buffer);
        buffer.clear();
    }
}

bool padded(const WsFrame& frame) {
    const char* const end = frame.data.data() + frame.data.size();
    return std::all_of(end, end + 64, [](char c) { return c == 0; });
}

ScriptServer::Script refusing(std::string answer) {
    return [answer](TcpSocket& socket) {
        read_request(socket);
        asio::write(socket, asio::buffer(answer));
    };
}

std::optional<WsConnectError> connect_error(const std::string& url, WsOptions options = {}) {
    std::optional<WsConnectError> error;
    run([&](asio::any_io_executor executor) -> awaitable<void> {
        WsClient client(executor, options);
        auto connected = co_await client.connect(*WsUrl::parse(url));
        if (!connected) error = connected.error();
    });
    return error;
}

}  // namespace

TEST_CASE("messages arrive whole, in order, with padding behind them") {
    const std::string large(3'000'000, 'L');
    ScriptServer server(upgraded([&](ServerStream& ws) {
        send(ws, "{\"a\":1}");
        send(ws, "");
        send(ws, std::string("\0\x01\xff", 3), true);
        ws.text(true);
        ws.write_some(false, asio::buffer("frag", 4));
        ws.ping({});
        ws.write_some(false, asio::buffer("men", 3));
        ws.write_some(true, asio::buffer("ted", 3));
        send(ws, large);
        send(ws, "after");
        listen(ws);
    }));
    run([&](asio::any_io_executor executor) -> awaitable<void> {
        WsClient client(executor, {});
        auto connected = co_await client.connect(*WsUrl::parse(server.url()));
        REQUIRE(connected.has_value());
        const std::vector<std::pair<std::string, bool>> expected{
            {"{\"a\":1}", false},  {"", false},    {std::string("\0\x01\xff", 3), true},
            {"fragmented", false}, {large, false}, {"after", false}};
        for (const auto& [text, binary] : expected) {
            auto frame = co_await client.read();
            REQUIRE(frame.has_value());
            CHECK(frame->data == text);
            CHECK(frame->binary == binary);
            CHECK(padded(*frame));
        }
        CHECK(client.bytes_received() > large.size());
        CHECK(SteadyClock::now() - client.last_heard() < 5s);
        co_await client.close();
    });
}

TEST_CASE("the upgrade request says who asks for what") {
    std::promise<UpgradeRequest> seen;
    ScriptServer server([&](TcpSocket& socket) { seen.set_value(read_request(socket)); });
    WsOptions options;
    options.user_agent = "subcults-indexer/1";
    options.subprotocol = "feed.v2";
    CHECK(connect_error(server.url("/subscribe?cursor=5"), options));
    const UpgradeRequest request = seen.get_future().get();
    CHECK(request.target() == "/subscribe?cursor=5");
    CHECK(request["Host"] == "127.0.0.1:" + std::to_string(server.port()));
    CHECK(request["User-Agent"] == "subcults-indexer/1");
    CHECK(request["Sec-WebSocket-Protocol"] == "feed.v2");
    CHECK(request["Sec-WebSocket-Extensions"].empty());
}

TEST_CASE("a subprotocol that was not asked for is refused") {
    const auto choosing = [](std::string protocol) {
        return [protocol](TcpSocket& socket) {
            ServerStream ws(socket);
            ws.set_option(beast::websocket::stream_base::decorator(
                [&](beast::websocket::response_type& response) {
                    if (!protocol.empty()) response.set("Sec-WebSocket-Protocol", protocol);
                }));
            ws.accept();
            listen(ws);
        };
    };
    WsOptions asking;
    asking.subprotocol = "feed.v2";
    ScriptServer same(choosing("feed.v2"));
    CHECK_FALSE(connect_error(same.url(), asking));
    ScriptServer none(choosing(""));
    CHECK_FALSE(connect_error(none.url(), asking));
    ScriptServer other(choosing("feed.v1"));
    const auto error = connect_error(other.url(), asking);
    REQUIRE(error);
    CHECK(error->stage == Stage::handshake);
    CHECK(connect_error(other.url(), {}));
}

TEST_CASE("a refused upgrade tells status, Retry-After and the beginning of the body") {
    ScriptServer busy(
        refusing("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 17\r\n"
                 "Content-Length: 300\r\n\r\n" +
                 std::string(300, 'b')));
    const auto error = connect_error(busy.url());
    REQUIRE(error);
    CHECK(error->stage == Stage::handshake);
    CHECK(error->http_status == 503);
    CHECK(error->retry_after_seconds == 17U);
    CHECK(error->detail == std::string(200, 'b'));

    ScriptServer dated(
        refusing("HTTP/1.1 429 Too Many Requests\r\n"
                 "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n"));
    const auto past = connect_error(dated.url());
    REQUIRE(past);
    CHECK(past->http_status == 429);
    CHECK(past->retry_after_seconds == 0U);

    ScriptServer missing(refusing("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
    const auto plain = connect_error(missing.url());
    REQUIRE(plain);
    CHECK(plain->http_status == 404);
    CHECK_FALSE(plain->retry_after_seconds);
}

TEST_CASE("an upgrade with a long head followed by many early messages succeeds") {
    std::string burst;
    for (int i = 0; i < 100; ++i) {
        burst += "\x81\x7d";
        burst.append(125, 'x');
    }
    ScriptServer server([&](TcpSocket& socket) {
        // The head and the first frames leave in one write.
        const UpgradeRequest request = read_request(socket);
        std::string answer =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
            "X-Filler: " +
            std::string(4000, 'f') + "\r\nSec-WebSocket-Accept: ";
        beast::websocket::detail::sec_ws_accept_type accept;
        beast::websocket::detail::make_sec_ws_accept(accept, request["Sec-WebSocket-Key"]);
        answer.append(accept.data(), accept.size());
        asio::write(socket, asio::buffer(answer + "\r\n\r\n" + burst));
        boost::system::error_code ec;
        std::string rest;
        asio::read(socket, asio::dynamic_buffer(rest), ec);
    });
    run([&](asio::any_io_executor executor) -> awaitable<void> {
        WsClient client(executor, {});
        auto connected = co_await client.connect(*WsUrl::parse(server.url()));
        REQUIRE(connected.has_value());
        for (int i = 0; i < 100; ++i) {
            auto frame = co_await client.read();
            REQUIRE(frame.has_value());
            REQUIRE(frame->data.size() == 125);
        }
    });
}

TEST_CASE("messages before a protocol error or a close in the same burst are delivered first") {
    const std::string message = "\x81\x02hi";
    for (const std::string& end : {std::string("\xf1\x00", 2), std::string("\x83\x01x"),
                                   std::string("\x89\x00", 2) + std::string("\x88\x02\x03\xe9")}) {
        ScriptServer server(upgraded([&](ServerStream& ws) {
            std::string burst;
            for (int i = 0; i < 50; ++i)
                burst += message;
            burst += end;
            asio::write(ws.next_layer(), asio::buffer(burst));
            boost::system::error_code ec;
            std::string rest;
            asio::read(ws.next_layer(), asio::dynamic_buffer(rest), ec);
        }));
        run([&](asio::any_io_executor executor) -> awaitable<void> {
            WsClient client(executor, {});
            auto connected = co_await client.connect(*WsUrl::parse(server.url()));
            REQUIRE(connected.has_value());
            for (int i = 0; i < 50; ++i) {
                auto frame = co_await client.read();
                REQUIRE(frame.has_value());
                REQUIRE(frame->data == "hi");
            }
            auto frame = co_await client.read();
            REQUIRE_FALSE(frame.has_value());
            if (end.size() > 4) CHECK(client.close_reason() == "1001");
        });
    }
}

TEST_CASE("a text that is not UTF-8 is delivered as it came, and so is what follows it") {
    ScriptServer server(upgraded([](ServerStream& ws) {
        // Whole, in two fragments, and after it an ordinary text and a binary message.
        const std::string burst = std::string("\x81\x02\xff\xfe") +
                                  std::string("\x01\x01\xc3\x80\x01\x28", 6) + "\x81\x02hi" +
                                  "\x82\x02ho";
        asio::write(ws.next_layer(), asio::buffer(burst));
        boost::system::error_code ec;
        std::string rest;
        asio::read(ws.next_layer(), asio::dynamic_buffer(rest), ec);
    }));
    run([&](asio::any_io_executor executor) -> awaitable<void> {
        WsClient client(executor, {});
        auto connected = co_await client.connect(*WsUrl::parse(server.url()));
        REQUIRE(connected.has_value());
        for (const std::string expected : {"\xff\xfe", "\xc3\x28", "hi", "ho"}) {
            auto frame = co_await client.read();
            REQUIRE(frame.has_value());
            CHECK(frame->data == expected);
            CHECK(frame->binary == (expected == "ho"));
        }
    });
}

TEST_CASE("nobody listening is an error of the connect stage") {
    std::uint16_t port = 0;
    {
        ScriptServer gone([](TcpSocket&) {});
        port = gone.port();
    }
    const auto error = connect_error("ws://127.0.0.1:" + std::to_string(port));
    REQUIRE(error);
    CHECK(error->stage == Stage::connect);
    CHECK(error->code == asio::error::connection_refused);
}

TEST_CASE("a server that never answers the upgrade is given up in time") {
    Latch latch;
    ScriptServer server([&](TcpSocket&) { latch.wait(); });
    WsOptions options;
    options.handshake_timeout = 80ms;
    const auto error = connect_error(server.url(), options);
    REQUIRE(error);
    CHECK(error->stage == Stage::timeout);
    CHECK(error->code == beast::error::timeout);
    latch.open();
}

TEST_CASE("the code and text of a server's close are kept") {
    ScriptServer server(upgraded([](ServerStream& ws) {
        send(ws, "last");
        ws.close({beast::websocket::close_code::going_away, "restarting"});
    }));
    run([&](asio::any_io_executor executor) -> awaitable<void> {
        WsClient client(executor, {});
        auto connected = co_await client.connect(*WsUrl::parse(server.url()));
        REQUIRE(connected.has_value());
        auto frame = co_await client.read();
        REQUIRE(frame.has_value());
        frame = co_await client.read();
        REQUIRE_FALSE(frame.has_value());
        CHECK(frame.error() == beast::websocket::error::closed);
        CHECK(client.close_reason() == "1001 restarting");
    });
}

TEST_CASE("a connection that is cut ends the read with an error") {
    ScriptServer server(upgraded([](ServerStream& ws) { send(ws, "only"); }));
    run([&](asio::any_io_executor executor) -> awaitable<void> {
        WsClient client(executor, {});
        auto connected = co_await client.connect(*WsUrl::parse(server.url()));
        REQUIRE(connected.has_value());
        auto frame = co_await client.read();
        REQUIRE(frame.has_value());
        frame = co_await client.read();
        REQUIRE_FALSE(frame.has_value());
        CHECK(client.close_reason().empty());
        frame = co_await client.read();
        CHECK_FALSE(frame.has_value());
    });
}

TEST_CASE("a silent server is found dead after the idle timeout") {
    Latch latch;
    ScriptServer server(upgraded([&](ServerStream&) { latch.wait(); }));
    run([&](asio::any_io_executor executor) -> awaitable<void> {
        WsOptions options;
        options.idle_timeout = 150ms;
        WsClient client(executor, options);
        auto connected = co_await client.connect(*WsUrl::parse(server.url()));
        REQUIRE(connected.has_value());
        const auto before = SteadyClock::now();
        auto frame = co_await client.read();
        REQUIRE_FALSE(frame.has_value());
        CHECK(frame.error() == beast::error::timeout);
        CHECK(SteadyClock::now() - before >= 150ms);
        latch.open();
    });
}

TEST_CASE("a quiet server that answers pings is kept") {
    std::atomic<int> pings{0};
    ScriptServer server(upgraded([&](ServerStream& ws) {
        ws.control_callback([&](beast::websocket::frame_type type, beast::string_view) {
            if (type == beast::websocket::frame_type::ping) ++pings;
        });
        listen(ws);
    }));
    run([&](asio::any_io_executor executor) -> awaitable<void> {
        WsOptions options;
        options.idle_timeout = 200ms;
        WsClient client(executor, options);
        auto connected = co_await client.connect(*WsUrl::parse(server.url()));
        REQUIRE(connected.has_value());
        asio::steady_timer enough(executor);
        std::function<void()> poll = [&] {
            enough.expires_after(5ms);
            enough.async_wait([&](const boost::system::error_code& ec) {
                if (ec) return;
                if (pings >= 4) {
                    client.abort();
                } else {
                    poll();
                }
            });
        };
        poll();
        auto frame = co_await client.read();
        REQUIRE_FALSE(frame.has_value());
        CHECK(frame.error() == asio::error::operation_aborted);
        CHECK(pings >= 4);
    });
}

TEST_CASE("a reader that pauses longer than the idle timeout keeps its connection") {
    Latch paused;
    ScriptServer server(upgraded([&](ServerStream& ws) {
        send(ws, "first");
        paused.wait();
        send(ws, "second");
        listen(ws);
    }));
    run([&](asio::any_io_executor executor) -> awaitable<void> {
        WsOptions options;
        options.idle_timeout = 80ms;
        WsClient client(executor, options);
        auto connected = co_await client.connect(*WsUrl::parse(server.url()));
        REQUIRE(connected.has_value());
        auto frame = co_await client.read();
        REQUIRE(frame.has_value());
        // Several idle timeouts in which nobody reads: the passing of time is the subject here.
        asio::steady_timer pause(executor, 400ms);
        co_await pause.async_wait(asio::use_awaitable);
        paused.open();
        frame = co_await client.read();
        REQUIRE(frame.has_value());
        CHECK(frame->data == "second");
    });
}

TEST_CASE("a message beyond the limit ends the connection") {
    ScriptServer server(upgraded([](ServerStream& ws) {
        send(ws, std::string(1000, 'x'));
        send(ws, std::string(1001, 'x'));
        listen(ws);
    }));
    run([&](asio::any_io_executor executor) -> awaitable<void> {
        WsOptions options;
        options.max_message_bytes = 1000;
        options.read_buffer_bytes = 256;
        WsClient client(executor, options);
        auto connected = co_await client.connect(*WsUrl::parse(server.url()));
        REQUIRE(connected.has_value());
        auto frame = co_await client.read();
        REQUIRE(frame.has_value());
        CHECK(frame->data.size() == 1000);
        frame = co_await client.read();
        REQUIRE_FALSE(frame.has_value());
        CHECK(frame.error() == beast::websocket::error::message_too_big);
    });
}

TEST_CASE("close does not wait for a peer that ignores it") {
    Latch latch;
    ScriptServer server(upgraded([&](ServerStream&) { latch.wait(); }));
    run([&](asio::any_io_executor executor) -> awaitable<void> {
        WsClient client(executor, {});
        auto connected = co_await client.connect(*WsUrl::parse(server.url()));
        REQUIRE(connected.has_value());
        const auto before = SteadyClock::now();
        co_await client.close();
        CHECK(SteadyClock::now() - before < 4s);
        auto frame = co_await client.read();
        CHECK_FALSE(frame.has_value());
        latch.open();
    });
}

TEST_CASE("a client can be aborted while it connects and used again") {
    Latch latch;
    ScriptServer stuck([&](TcpSocket&) { latch.wait(); });
    ScriptServer good(upgraded([](ServerStream& ws) {
        send(ws, "hi");
        listen(ws);
    }));
    run([&](asio::any_io_executor executor) -> awaitable<void> {
        WsClient client(executor, {});
        asio::post(executor, [&] { client.abort(); });
        auto connected = co_await client.connect(*WsUrl::parse(stuck.url()));
        REQUIRE_FALSE(connected.has_value());
        CHECK(connected.error().code == asio::error::operation_aborted);
        for (int i = 0; i < 3; ++i) {
            connected = co_await client.connect(*WsUrl::parse(good.url()));
            REQUIRE(connected.has_value());
            auto frame = co_await client.read();
            REQUIRE(frame.has_value());
            CHECK(frame->data == "hi");
        }
        latch.open();
    });
}

TEST_CASE("a client can be destroyed while a read is pending") {
    Latch latch;
    ScriptServer server(upgraded([&](ServerStream&) { latch.wait(); }));
    run([&](asio::any_io_executor executor) -> awaitable<void> {
        auto client = std::make_unique<WsClient>(executor, WsOptions());
        auto connected = co_await client->connect(*WsUrl::parse(server.url()));
        REQUIRE(connected.has_value());
        asio::post(executor, [&] { client.reset(); });
        auto frame = co_await client->read();
        REQUIRE_FALSE(frame.has_value());
        CHECK(frame.error() == asio::error::operation_aborted);
        latch.open();
    });
}

TEST_CASE("reading without a connection is an error") {
    run([](asio::any_io_executor executor) -> awaitable<void> {
        WsClient client(executor, {});
        auto frame = co_await client.read();
        REQUIRE_FALSE(frame.has_value());
        CHECK(frame.error() == asio::error::not_connected);
        co_await client.close();
    });
}
