#include "net/http_client.hpp"

#include "integration/net/ws_server.hpp"
#include "support/asio_test.hpp"
#include "support/catch_result.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>

#include <catch2/catch.hpp>

#include <mutex>
#include <vector>

using namespace subcults;
using namespace subcults::net;
using namespace subcults::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

using Kind = HttpFailure::Kind;

// Requests as they came, over all connections of a server.
class Seen {
  public:
    void add(std::string request) {
        const std::lock_guard lock(mutex_);
        requests_.push_back(std::move(request));
    }
    std::vector<std::string> all() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> requests_;
};

std::size_t body_length(const std::string& head) {
    const std::size_t at = head.find("Content-Length: ");
    return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
}

// Reads one request with its body; throws when the connection ends.
template <class Stream>
std::string read_http(Stream& stream) {
    std::string text;
    const std::size_t head = asio::read_until(stream, asio::dynamic_buffer(text), "\r\n\r\n");
    const std::size_t whole = head + body_length(text.substr(0, head));
    if (text.size() < whole) {
        std::string rest(whole - text.size(), '\0');
        asio::read(stream, asio::buffer(rest));
        text += rest;
    }
    return text;
}

std::string answer(const std::string& body, const std::string& extra = {}) {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/x\r\n" + extra +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

template <class Stream>
void write(Stream& stream, const std::string& text) {
    asio::write(stream, asio::buffer(text));
}

WsUrl url(const ScriptServer& server, const std::string& scheme = "http",
          const std::string& host = "127.0.0.1") {
    return WsUrl::parse(scheme + "://" + host + ":" + std::to_string(server.port())).value();
}

HttpCall post(const std::string& body) {
    HttpCall call;
    call.target = "/path";
    call.headers.emplace_back("Content-Type", "application/json");
    call.body = body;
    call.repeatable = true;
    return call;
}

// The outcomes of these bodies, sent one after the other by one client.
std::vector<HttpClient::Reply> send_all(const WsUrl& server, std::vector<std::string> bodies,
                                        HttpClientOptions options = {},
                                        std::chrono::milliseconds limit = 5s) {
    std::vector<HttpClient::Reply> replies;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        HttpClient client(executor, server, options);
        for (const std::string& body : bodies) {
            HttpCall call = post(body);
            auto reply = co_await client.send(std::move(call), deadline_in(limit));
            replies.push_back(std::move(reply));
        }
    });
    return replies;
}

}  // namespace

TEST_CASE("requests go one after the other over one connection") {
    Seen seen;
    ScriptServer server([&](TcpSocket& socket) {
        for (;;) {
            seen.add(read_http(socket));
            write(socket, answer("answer " + std::to_string(seen.all().size())));
        }
    });
    const auto replies = send_all(url(server), {"one", "two"});
    REQUIRE(replies[0].has_value());
    REQUIRE(replies[1].has_value());
    CHECK(replies[0]->status == 200);
    CHECK(replies[0]->body == "answer 1");
    CHECK(replies[0]->content_type == "text/x");
    CHECK_FALSE(replies[0]->reused_connection);
    CHECK(replies[1]->body == "answer 2");
    CHECK(replies[1]->reused_connection);
    const std::string first = seen.all().at(0);
    CHECK(first.starts_with("POST /path HTTP/1.1\r\n"));
    CHECK(first.find("Host: 127.0.0.1:" + std::to_string(server.port()) + "\r\n") !=
          std::string::npos);
    CHECK(first.ends_with("\r\n\r\none"));
}

TEST_CASE("a kept connection that the server has closed is replaced") {
    Seen seen;
    ScriptServer server([&](TcpSocket& socket) {
        seen.add(read_http(socket));
        write(socket, answer("only one"));  // and closes, without having said so
    });
    const auto replies = send_all(url(server), {"one", "two", "three"});
    for (const auto& reply : replies) {
        REQUIRE(reply.has_value());
        CHECK(reply->body == "only one");
        CHECK_FALSE(reply->reused_connection);
    }
    CHECK(seen.all().size() == 3);
}

TEST_CASE(
    "a server that closes on arrival of the next request costs nothing that may be repeated") {
    Seen seen;
    ScriptServer server([&](TcpSocket& socket) {
        seen.add(read_http(socket));
        write(socket, answer("first"));
        seen.add(read_http(socket));  // reads the second, answers nothing, closes
    });
    const auto replies = send_all(url(server), {"one", "two"});
    REQUIRE(replies[1].has_value());
    CHECK(replies[1]->body == "first");
    CHECK_FALSE(replies[1]->reused_connection);
    REQUIRE(seen.all().size() == 3);  // "two" twice
    CHECK(seen.all()[1] == seen.all()[2]);
}

TEST_CASE("a request that must not be repeated is not") {
    Seen seen;
    ScriptServer server([&](TcpSocket& socket) {
        seen.add(read_http(socket));
        write(socket, answer("first"));
        seen.add(read_http(socket));
    });
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        HttpClient client(executor, url(server), {});
        for (int i = 0; i < 2; ++i) {
            HttpCall call = post("x");
            call.repeatable = false;
            auto reply = co_await client.send(std::move(call), deadline_in(5s));
            CHECK(reply.has_value() == (i == 0));
            if (!reply) CHECK(reply.error().kind == Kind::exchange);
        }
    });
    CHECK(seen.all().size() == 2);
}

TEST_CASE("a deadline ends a request whatever it is waiting for") {
    Latch latch;
    SECTION("a server that takes the request and says nothing") {
        ScriptServer server([&](TcpSocket& socket) {
            read_http(socket);
            latch.wait();
        });
        const auto replies = send_all(url(server), {"x"}, {}, 100ms);
        REQUIRE_FALSE(replies[0].has_value());
        CHECK(replies[0].error().kind == Kind::timeout);
        latch.open();
    }
    SECTION("a server that stops in the middle of its answer") {
        ScriptServer server([&](TcpSocket& socket) {
            read_http(socket);
            write(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
            latch.wait();
        });
        const auto replies = send_all(url(server), {"x"}, {}, 100ms);
        REQUIRE_FALSE(replies[0].has_value());
        CHECK(replies[0].error().kind == Kind::timeout);
        latch.open();
    }
}

TEST_CASE("an answer beyond the limit is refused without being kept") {
    ScriptServer server([](TcpSocket& socket) {
        read_http(socket);
        write(socket, answer(std::string(5000, 'x')));
    });
    HttpClientOptions options;
    options.max_response_bytes = 1000;
    const auto replies = send_all(url(server), {"x"}, options);
    REQUIRE_FALSE(replies[0].has_value());
    CHECK(replies[0].error().kind == Kind::too_large);
}

TEST_CASE("what is no HTTP, and half an answer, are errors of the exchange") {
    for (const std::string text :
         {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", ""}) {
        ScriptServer server([&](TcpSocket& socket) {
            read_http(socket);
            write(socket, text);
        });
        const auto replies = send_all(url(server), {"x"});
        REQUIRE_FALSE(replies[0].has_value());
        CHECK(replies[0].error().kind == Kind::exchange);
    }
}

TEST_CASE("interim answers are passed over, redirects are not followed") {
    ScriptServer server([](TcpSocket& socket) {
        read_http(socket);
        write(socket, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer("real"));
        read_http(socket);
        write(socket, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
    });
    const auto replies = send_all(url(server), {"x", "y"});
    REQUIRE(replies[0].has_value());
    CHECK(replies[0]->body == "real");
    REQUIRE(replies[1].has_value());
    CHECK(replies[1]->status == 302);
}

TEST_CASE("nobody listening and nobody of that name are told apart") {
    WsUrl nowhere;
    nowhere.host = "127.0.0.1";
    {
        const ScriptServer server([](TcpSocket&) {});
        nowhere.port = server.port();
    }
    nowhere.target = "/";
    CHECK(send_all(nowhere, {"x"})[0].error().kind == Kind::connect);
    nowhere.host = "no-such-host.invalid";
    const Kind kind = send_all(nowhere, {"x"})[0].error().kind;
    CHECK((kind == Kind::resolve || kind == Kind::timeout));
}

TEST_CASE("too many requests at once are refused, not queued") {
    Latch latch;
    ScriptServer server([&](TcpSocket& socket) {
        read_http(socket);
        latch.wait();
    });
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        HttpClientOptions options;
        options.max_connections = 1;
        HttpClient client(executor, url(server), options);
        std::optional<HttpClient::Reply> first;
        auto sending = client.send(post("x"), deadline_in(5s));
        asio::co_spawn(
            executor, std::move(sending),
            [&first](std::exception_ptr, HttpClient::Reply reply) { first = std::move(reply); });
        std::function<bool()> one_open = [&client] { return client.open_connections() == 1; };
        const bool begun = co_await eventually(std::move(one_open));
        REQUIRE(begun);
        HttpCall call = post("y");
        auto second = co_await client.send(std::move(call), deadline_in(5s));
        REQUIRE_FALSE(second.has_value());
        CHECK(second.error().kind == Kind::busy);
        client.close();
        std::function<bool()> answered = [&first] { return first.has_value(); };
        const bool ended = co_await eventually(std::move(answered));
        REQUIRE(ended);
        REQUIRE_FALSE(first->has_value());
        CHECK(first->error().kind == Kind::cancelled);
        HttpCall late = post("z");
        auto refused = co_await client.send(std::move(late), deadline_in(5s));
        CHECK(refused.error().kind == Kind::cancelled);
    });
    latch.open();
}

TEST_CASE("an encrypted server is verified, by name and by authority") {
    TestCertificates certificates("DNS:localhost");
    const auto script = [&](TcpSocket& socket) {
        asio::ssl::stream<TcpSocket&> stream(socket, certificates.server);
        stream.handshake(asio::ssl::stream_base::server);
        for (;;) {
            read_http(stream);
            write(stream, answer("secret"));
        }
    };
    ScriptServer server(script);
    HttpClientOptions trusting;
    trusting.ca_file = certificates.ca_file;
    const auto replies = send_all(url(server, "https", "localhost"), {"x", "y"}, trusting);
    REQUIRE(replies[0].has_value());
    CHECK(replies[0]->body == "secret");
    REQUIRE(replies[1].has_value());
    CHECK(replies[1]->reused_connection);
    // Another name, and an authority that nobody trusts.
    CHECK(send_all(url(server, "https", "127.0.0.1"), {"x"}, trusting)[0].error().kind ==
          Kind::tls);
    CHECK(send_all(url(server, "https", "localhost"), {"x"})[0].error().kind == Kind::tls);
}

TEST_CASE("a target or header that would break out of its line is a mistake of the caller") {
    run([](asio::any_io_executor executor) -> asio::awaitable<void> {
        WsUrl somewhere;
        somewhere.host = "127.0.0.1";
        somewhere.port = 9;
        HttpClient client(executor, somewhere, {});
        HttpCall split = post("x");
        split.target = "/a\r\nX: y";
        HttpCall header = post("x");
        header.headers.emplace_back("Authorization", "a\r\nX: y");
        for (HttpCall* const call : {&split, &header}) {
            bool refused = false;
            try {
                auto reply = co_await client.send(std::move(*call), deadline_in(1s));
            } catch (const std::invalid_argument&) {
                refused = true;
            }
            CHECK(refused);
        }
    });
}
