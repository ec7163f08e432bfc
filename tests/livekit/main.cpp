#include "base/config.hpp"
#include "base/log.hpp"
#include "livekit/stub_server.hpp"

#include <boost/asio.hpp>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <iostream>
#include <string>

namespace {

namespace asio = boost::asio;
using namespace subcults;
using namespace subcults::livekit_stub;

int run(StubOptions options) {
    Log log("livekit-stub", LogLevel::info);
    asio::io_context io(1);
    StubServer server(io, std::move(options), log);
    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&server](boost::system::error_code error, int) {
        if (!error) server.stop();
    });
    auto accepting = server.run();
    asio::co_spawn(io, std::move(accepting), [](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
    });
    log.info("listening", {{"port", server.port()}});
    io.run();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    StubOptions options;
    std::string listen = "127.0.0.1:7880";
    CLI::App app("LiveKit without media: rooms, webhooks and faults on request.", "livekit-stub");
    app.add_option("--listen", listen, "Address and port; port 0 = any free one")
        ->capture_default_str();
    app.add_option("--api-key", options.api_key, "API key")->required();
    app.add_option("--api-secret", options.api_secret, "Its secret")->required();
    try {
        app.parse(argc, argv);
        const auto address = HostPort::parse(listen);
        if (!address) throw CLI::ValidationError("--listen", "must be host:port");
        options.address = address->host;
        options.port = address->port;
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    try {
        return run(std::move(options));
    } catch (const std::exception& error) {
        std::cerr << "livekit-stub: " << error.what() << '\n';
        return 1;
    }
}
