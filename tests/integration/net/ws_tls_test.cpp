#include "net/ws_client.hpp"

#include "integration/net/ws_server.hpp"
#include "support/asio_test.hpp"

#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include <catch2/catch.hpp>

#include <openssl/ssl.h>

using namespace subcults;
using namespace subcults::net;
using namespace subcults::test;
namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

using Stage = WsConnectError::Stage;
using TlsServerStream = beast::websocket::stream<asio::ssl::stream<TcpSocket&>>;

ScriptServer::Script encrypted(TestCertificates& certificates,
                               std::promise<std::string>* sni = nullptr) {
    return [&certificates, sni](TcpSocket& socket) {
        TlsServerStream ws(socket, certificates.server);
        ws.next_layer().handshake(asio::ssl::stream_base::server);
        if (sni != nullptr) {
            const char* const name =
                SSL_get_servername(ws.next_layer().native_handle(), TLSEXT_NAMETYPE_host_name);
            sni->set_value(name != nullptr ? name : "(none)");
        }
        ws.accept();
        const std::string large(200'000, 'T');
        ws.write(asio::buffer(large));
        ws.write(asio::buffer("end", 3));
        beast::flat_buffer buffer;
        ws.read(buffer);
    };
}

std::string secure_url(const ScriptServer& server, const std::string& host) {
    return "wss://" + host + ":" + std::to_string(server.port()) + "/";
}

std::optional<WsConnectError> read_all(const std::string& url, const std::string& ca_file) {
    std::optional<WsConnectError> error;
    run([&](asio::any_io_executor executor) -> asio::awaitable<void> {
        WsOptions options;
        options.ca_file = ca_file;
        WsClient client(executor, options);
        auto connected = co_await client.connect(*WsUrl::parse(url));
        if (!connected) {
            error = connected.error();
            co_return;
        }
        auto frame = co_await client.read();
        REQUIRE(frame.has_value());
        CHECK(frame->data.size() == 200'000);
        frame = co_await client.read();
        REQUIRE(frame.has_value());
        CHECK(frame->data == "end");
        co_await client.close();
    });
    return error;
}

}  // namespace

TEST_CASE("an encrypted feed works, by address and by name") {
    TestCertificates certificates("DNS:localhost,IP:127.0.0.1");
    {
        ScriptServer server(encrypted(certificates));
        CHECK_FALSE(read_all(secure_url(server, "127.0.0.1"), certificates.ca_file));
    }
    std::promise<std::string> sni;
    ScriptServer server(encrypted(certificates, &sni));
    CHECK_FALSE(read_all(secure_url(server, "localhost"), certificates.ca_file));
    CHECK(sni.get_future().get() == "localhost");
}

TEST_CASE("a certificate for another host is refused") {
    TestCertificates certificates("DNS:feed.example.org");
    ScriptServer server(encrypted(certificates));
    for (const char* host : {"127.0.0.1", "localhost"}) {
        const auto error = read_all(secure_url(server, host), certificates.ca_file);
        REQUIRE(error);
        CHECK(error->stage == Stage::tls);
        CHECK(error->code);
    }
}

TEST_CASE("a certificate of an unknown authority is refused") {
    TestCertificates certificates("IP:127.0.0.1");
    TestCertificates others("IP:127.0.0.1");
    ScriptServer server(encrypted(certificates));
    for (const std::string& ca_file : {others.ca_file, std::string()}) {
        const auto error = read_all(secure_url(server, "127.0.0.1"), ca_file);
        REQUIRE(error);
        CHECK(error->stage == Stage::tls);
    }
}

TEST_CASE("a trust store that cannot be read is an error of the tls stage") {
    TestCertificates certificates("IP:127.0.0.1");
    ScriptServer server(encrypted(certificates));
    const auto error = read_all(secure_url(server, "127.0.0.1"), "/nonexistent/ca.pem");
    REQUIRE(error);
    CHECK(error->stage == Stage::tls);
}

TEST_CASE("a plain server behind an encrypted address is refused in time") {
    ScriptServer server([](TcpSocket& socket) {
        boost::system::error_code ec;
        asio::write(socket, asio::buffer("HTTP/1.1 400 Bad Request\r\n\r\n", 28), ec);
    });
    const auto error = read_all(secure_url(server, "127.0.0.1"), "");
    REQUIRE(error);
    CHECK(error->stage == Stage::tls);
}
