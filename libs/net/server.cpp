#include "net/server.hpp"

#include "net/server_core.hpp"

#include <utility>

namespace subcults::net {

struct HttpServer::Impl final : ServerCore {
    using ServerCore::ServerCore;
};

HttpServer::HttpServer(boost::asio::io_context& io, const Router& router, ServerOptions options,
                       ServerHooks hooks, Log& log)
    : impl_(std::make_shared<Impl>(io, router, std::move(options), std::move(hooks), log)) {}

HttpServer::~HttpServer() {
    impl_->detach();
}

Result<void, std::string> HttpServer::listen(bool reuse_port) {
    return impl_->listen(reuse_port);
}

std::uint16_t HttpServer::port() const noexcept {
    return impl_->port();
}

void HttpServer::shutdown(std::function<void()> done) {
    impl_->shutdown(std::move(done));
}

void HttpServer::abort() {
    impl_->abort();
}

std::size_t HttpServer::connections() const noexcept {
    return impl_->connections();
}

}  // namespace subcults::net
