// A TCP port in front of a server on a Unix socket, for what only happens on a network: names,
// links that go silent without ending.
#pragma once

#include <boost/asio.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace subcults::test {

class TcpProxy {
  public:
    using Tcp = boost::asio::ip::tcp;
    using Unix = boost::asio::local::stream_protocol;

    TcpProxy(boost::asio::any_io_executor executor, std::string socket_path)
        : state_(std::make_shared<State>(executor, std::move(socket_path))) {
        auto ignore = [](std::exception_ptr) {};
        boost::asio::co_spawn(executor, accept(state_), ignore);
    }
    ~TcpProxy() {
        boost::system::error_code ignored;
        state_->acceptor.close(ignored);
        cut();
    }
    TcpProxy(const TcpProxy&) = delete;
    TcpProxy& operator=(const TcpProxy&) = delete;

    std::uint16_t port() const { return state_->acceptor.local_endpoint().port(); }
    // From now on nothing is passed on, but no connection ends: a pulled cable.
    void freeze() { state_->frozen = true; }
    // Ends every connection.
    void cut() {
        for (const auto& link : state_->links)
            link->close();
        state_->links.clear();
    }

  private:
    struct Link {
        Link(Tcp::socket from, Unix::socket to) : client(std::move(from)), server(std::move(to)) {}
        void close() {
            boost::system::error_code ignored;
            client.close(ignored);
            server.close(ignored);
        }
        Tcp::socket client;
        Unix::socket server;
    };
    struct State {
        State(const boost::asio::any_io_executor& executor, std::string path)
            : acceptor(executor, Tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
              socket_path(std::move(path)) {}
        Tcp::acceptor acceptor;
        std::string socket_path;
        bool frozen = false;
        std::vector<std::shared_ptr<Link>> links;
    };

    static boost::asio::awaitable<void> accept(std::shared_ptr<State> state) {
        auto ignore = [](std::exception_ptr) {};
        for (;;) {
            auto client = co_await state->acceptor.async_accept(boost::asio::use_awaitable);
            auto executor = client.get_executor();
            Unix::socket server(executor);
            const Unix::endpoint endpoint(state->socket_path);
            co_await server.async_connect(endpoint, boost::asio::use_awaitable);
            auto link = std::make_shared<Link>(std::move(client), std::move(server));
            state->links.push_back(link);
            auto up = pump<Tcp::socket, Unix::socket>(state, link, &Link::client, &Link::server);
            auto down = pump<Unix::socket, Tcp::socket>(state, link, &Link::server, &Link::client);
            boost::asio::co_spawn(executor, std::move(up), ignore);
            boost::asio::co_spawn(executor, std::move(down), ignore);
        }
    }

    template <class From, class To>
    static boost::asio::awaitable<void> pump(std::shared_ptr<State> state,
                                             std::shared_ptr<Link> link, From Link::*from,
                                             To Link::*to) {
        std::vector<char> bytes(64 * 1024);
        for (;;) {
            auto read = co_await ((*link).*from)
                            .async_read_some(boost::asio::buffer(bytes),
                                             boost::asio::as_tuple(boost::asio::use_awaitable));
            const auto& [failed, count] = read;
            if (failed) break;
            if (state->frozen) continue;
            auto wrote = co_await boost::asio::async_write(
                (*link).*to, boost::asio::buffer(bytes.data(), count),
                boost::asio::as_tuple(boost::asio::use_awaitable));
            if (std::get<0>(wrote)) break;
        }
        link->close();
    }

    std::shared_ptr<State> state_;
};

}  // namespace subcults::test
