#include "net/http_client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/throw_exception.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <list>
#include <stdexcept>
#include <type_traits>

namespace subcults::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t max_header_bytes = 32 * 1024;

using WireRequest = http::request<http::string_body>;
using Parser = http::response_parser<http::string_body>;
using Kind = HttpFailure::Kind;

HttpFailure failure(Kind kind, error_code code = {}) {
    HttpFailure made;
    made.kind = kind;
    made.code = code;
    return made;
}

bool stays_in_line(std::string_view text, char lowest) {
    return std::all_of(text.begin(), text.end(), [lowest](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte >= static_cast<unsigned char>(lowest) && byte != 0x7f;
    });
}

// A name lookup that outlives whoever asked for it: getaddrinfo cannot be interrupted.
struct Lookup {
    explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), ready(executor) {}
    tcp::resolver resolver;
    asio::steady_timer ready;
    error_code code;
    std::vector<tcp::endpoint> endpoints;
    bool done = false;
};

// One connection, plain or encrypted. Time limits are the socket's own.
class Link {
  public:
    virtual ~Link() = default;
    virtual asio::awaitable<error_code> handshake() = 0;
    virtual asio::awaitable<error_code> write(WireRequest& request) = 0;
    virtual asio::awaitable<error_code> read(Parser& parser) = 0;
    virtual beast::tcp_stream& socket() = 0;
    // Whether it still looks alive, as far as a glance at the socket tells.
    virtual bool fresh() = 0;

    beast::flat_buffer buffer;
    SteadyClock::time_point idle_since{};
};

template <class Stream>
class LinkOver final : public Link {
    static constexpr bool encrypted = !std::is_same_v<Stream, beast::tcp_stream>;

  public:
    template <class... Args>
    explicit LinkOver(Args&&... args) : stream_(std::forward<Args>(args)...) {}

    Stream& stream() { return stream_; }

    asio::awaitable<error_code> handshake() override {
        if constexpr (encrypted) {
            auto result =
                co_await stream_.async_handshake(asio::ssl::stream_base::client, no_throw);
            co_return std::get<0>(result);
        }
        co_return error_code();
    }
    asio::awaitable<error_code> write(WireRequest& request) override {
        auto result = co_await http::async_write(stream_, request, no_throw);
        co_return std::get<0>(result);
    }
    asio::awaitable<error_code> read(Parser& parser) override {
        auto result = co_await http::async_read(stream_, buffer, parser, no_throw);
        co_return std::get<0>(result);
    }
    beast::tcp_stream& socket() override { return beast::get_lowest_layer(stream_); }
    bool fresh() override {
        char byte = 0;
        const ssize_t seen =
            ::recv(socket().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (seen < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
        // Unasked bytes are a goodbye (408) on a plain connection; over TLS they are most likely
        // session tickets.
        return seen > 0 && encrypted;
    }

  private:
    Stream stream_;
};

using PlainLink = LinkOver<beast::tcp_stream>;
using TlsLink = LinkOver<asio::ssl::stream<beast::tcp_stream>>;

}  // namespace

std::string_view to_string(HttpFailure::Kind kind) noexcept {
    switch (kind) {
        case Kind::resolve:
            return "resolve";
        case Kind::connect:
            return "connect";
        case Kind::tls:
            return "tls";
        case Kind::exchange:
            return "exchange";
        case Kind::timeout:
            return "timeout";
        case Kind::too_large:
            return "too_large";
        case Kind::busy:
            return "busy";
        case Kind::cancelled:
            return "cancelled";
    }
    return "unknown";
}

struct HttpClient::Impl {
    using LinkPtr = std::shared_ptr<Link>;
    using Opened = Result<LinkPtr, HttpFailure>;
    using Endpoints = Result<std::vector<tcp::endpoint>, HttpFailure>;

    Impl(asio::any_io_executor executor_, WsUrl server_, HttpClientOptions options_)
        : executor(std::move(executor_)),
          server(std::move(server_)),
          options(std::move(options_)) {}

    static asio::awaitable<Reply> send(std::shared_ptr<Impl> self, HttpCall call,
                                       Deadline deadline);
    asio::awaitable<Reply> exchange(LinkPtr link, WireRequest& request, Deadline deadline,
                                    bool& nothing_came);
    asio::awaitable<Opened> open(Deadline deadline);
    asio::awaitable<Endpoints> resolve(Deadline deadline);
    asio::awaitable<HttpFailure> connect(beast::tcp_stream& socket,
                                         std::vector<tcp::endpoint> endpoints, Deadline deadline);
    LinkPtr take_idle();
    void put_back(LinkPtr link);
    Opened make_tls();
    WireRequest wire_request(HttpCall call) const;
    HttpFailure judge(error_code code, Kind otherwise) const;

    asio::any_io_executor executor;
    WsUrl server;
    HttpClientOptions options;
    std::unique_ptr<asio::ssl::context> tls;
    std::vector<LinkPtr> idle;
    std::list<std::weak_ptr<Link>> links;  // every one that may be open, to close them
    std::list<std::weak_ptr<Lookup>> lookups;
    std::size_t in_use = 0;
    bool closed = false;
};

namespace {

// Counts a request for as long as it runs.
class InUse {
  public:
    explicit InUse(std::size_t& count) : count_(count) { ++count_; }
    ~InUse() { --count_; }
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;

  private:
    std::size_t& count_;
};

}  // namespace

HttpFailure HttpClient::Impl::judge(error_code code, Kind otherwise) const {
    if (closed) return failure(Kind::cancelled, code);
    if (code == beast::error::timeout) return failure(Kind::timeout, code);
    if (code == http::error::body_limit || code == http::error::header_limit) {
        return failure(Kind::too_large, code);
    }
    return failure(otherwise, code);
}

HttpClient::Impl::LinkPtr HttpClient::Impl::take_idle() {
    const auto oldest = SteadyClock::now() - options.idle_timeout;
    while (!idle.empty()) {
        LinkPtr link = std::move(idle.back());
        idle.pop_back();
        if (link->idle_since >= oldest && link->fresh()) return link;
    }
    return nullptr;
}

void HttpClient::Impl::put_back(LinkPtr link) {
    if (closed || idle.size() >= options.max_idle || link->buffer.size() != 0) return;
    link->socket().expires_never();
    link->idle_since = SteadyClock::now();
    idle.push_back(std::move(link));
}

asio::awaitable<HttpClient::Impl::Endpoints> HttpClient::Impl::resolve(Deadline deadline) {
    error_code ec;
    const auto address = asio::ip::make_address(server.host, ec);
    if (!ec) {
        std::vector<tcp::endpoint> only(1, tcp::endpoint(address, server.port));
        co_return only;
    }
    auto asked = std::make_shared<Lookup>(executor);
    lookups.remove_if([](const auto& other) { return other.expired(); });
    lookups.push_back(asked);
    asked->ready.expires_at(deadline);
    auto answered = [asked](const error_code& result, const tcp::resolver::results_type& found) {
        asked->code = result;
        for (const auto& entry : found)
            asked->endpoints.push_back(entry.endpoint());
        asked->done = true;
        asked->ready.cancel();
    };
    asked->resolver.async_resolve(server.host, std::to_string(server.port),
                                  tcp::resolver::numeric_service, std::move(answered));
    co_await asked->ready.async_wait(no_throw);
    if (closed) co_return failure(Kind::cancelled);
    if (!asked->done) co_return failure(Kind::timeout, beast::error::timeout);
    if (asked->code) co_return failure(Kind::resolve, asked->code);
    co_return std::move(asked->endpoints);
}

// One address after the other, each with its share of what time is left. A failure without a code
// means that there is none.
asio::awaitable<HttpFailure> HttpClient::Impl::connect(beast::tcp_stream& socket,
                                                       std::vector<tcp::endpoint> endpoints,
                                                       Deadline deadline) {
    error_code last = asio::error::host_not_found;
    std::size_t left = endpoints.size();
    for (const tcp::endpoint& endpoint : endpoints) {
        const auto now = SteadyClock::now();
        if (now >= deadline) {
            last = beast::error::timeout;
            break;
        }
        socket.expires_at(now + (deadline - now) / static_cast<std::int64_t>(left));
        --left;
        error_code ignored;
        socket.socket().close(ignored);
        auto result = co_await socket.async_connect(endpoint, no_throw);
        last = std::get<0>(result);
        if (!last || closed) break;
    }
    if (last || closed) co_return judge(last, Kind::connect);
    error_code ignored;
    socket.socket().set_option(tcp::no_delay(true), ignored);
    co_return failure(Kind::connect);
}

HttpClient::Impl::Opened HttpClient::Impl::make_tls() {
    error_code ec;
    if (!tls) {
        auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
        ::SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
        if (options.ca_file.empty()) {
            context->set_default_verify_paths(ec);
        } else {
            context->load_verify_file(options.ca_file, ec);
        }
        if (ec) return failure(Kind::tls, ec);
        tls = std::move(context);
    }
    auto link = std::make_shared<TlsLink>(beast::tcp_stream(executor), *tls);
    auto& stream = link->stream();
    stream.set_verify_mode(asio::ssl::verify_peer, ec);
    if (!ec) stream.set_verify_callback(asio::ssl::host_name_verification(server.host), ec);
    error_code not_address;
    asio::ip::make_address(server.host, not_address);
    // Names only: an address is not a valid server name indication.
    if (!ec && not_address &&
        ::SSL_ctrl(stream.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                   server.host.data()) != 1) {
        ec = asio::error::invalid_argument;
    }
    if (ec) return failure(Kind::tls, ec);
    return LinkPtr(std::move(link));
}

asio::awaitable<HttpClient::Impl::Opened> HttpClient::Impl::open(Deadline deadline) {
    const Deadline connected_by = std::min(deadline, deadline_in(options.connect_timeout));
    auto endpoints = co_await resolve(connected_by);
    if (!endpoints) co_return endpoints.error();
    LinkPtr link;
    if (server.tls) {
        Opened made = make_tls();
        if (!made) co_return made;
        link = std::move(*made);
    } else {
        link = std::make_shared<PlainLink>(executor);
    }
    links.remove_if([](const auto& other) { return other.expired(); });
    links.push_back(link);
    const HttpFailure failed =
        co_await connect(link->socket(), std::move(*endpoints), connected_by);
    if (failed.code || closed) co_return failed;
    link->socket().expires_at(connected_by);
    const error_code shaken = co_await link->handshake();
    if (shaken || closed) co_return judge(shaken, Kind::tls);
    co_return link;
}

asio::awaitable<HttpClient::Reply> HttpClient::Impl::exchange(LinkPtr link, WireRequest& request,
                                                              Deadline deadline,
                                                              bool& nothing_came) {
    link->socket().expires_at(deadline);
    nothing_came = true;
    error_code ec = co_await link->write(request);
    if (ec) co_return judge(ec, Kind::exchange);
    for (;;) {
        Parser parser;
        parser.body_limit(options.max_response_bytes);
        parser.header_limit(max_header_bytes);
        ec = co_await link->read(parser);
        nothing_came = !parser.got_some();
        if (ec || closed) co_return judge(ec, Kind::exchange);
        const unsigned status = parser.get().result_int();
        // Interim answers precede the one that counts; a change of protocol was not asked for.
        if (status >= 100 && status < 200 && status != 101) continue;
        HttpReply reply;
        reply.status = status;
        const auto type = parser.get()[http::field::content_type];
        reply.content_type.assign(type.data(), type.size());
        reply.body = std::move(parser.get().body());
        if (parser.get().keep_alive() && status != 101) put_back(link);
        co_return reply;
    }
}

WireRequest HttpClient::Impl::wire_request(HttpCall call) const {
    if (call.target.empty() || call.target.front() != '/' || !stays_in_line(call.target, 0x21)) {
        throw std::invalid_argument("not a request target");
    }
    WireRequest request;
    request.version(11);
    request.method_string(beast::string_view(call.method.data(), call.method.size()));
    request.target(call.target);
    request.set(http::field::host, server.authority());
    request.set(http::field::user_agent, options.user_agent);
    for (const auto& [name, value] : call.headers) {
        if (!stays_in_line(value, 0x20)) throw std::invalid_argument("not a header value");
        request.set(beast::string_view(name.data(), name.size()), value);
    }
    request.body() = std::move(call.body);
    request.prepare_payload();
    return request;
}

asio::awaitable<HttpClient::Reply> HttpClient::Impl::send(std::shared_ptr<Impl> self, HttpCall call,
                                                          Deadline deadline) {
    const bool repeatable = call.repeatable;
    WireRequest request = self->wire_request(std::move(call));
    if (self->closed) co_return failure(Kind::cancelled);
    if (self->in_use >= self->options.max_connections) co_return failure(Kind::busy);
    const InUse counted(self->in_use);

    bool nothing_came = true;
    if (LinkPtr kept = self->take_idle()) {
        Reply reply = co_await self->exchange(std::move(kept), request, deadline, nothing_came);
        if (reply) {
            reply->reused_connection = true;
            co_return reply;
        }
        const bool broke = reply.error().kind == Kind::exchange;
        if (!broke || !repeatable || !nothing_came) co_return reply;
    }
    Opened opened = co_await self->open(deadline);
    if (!opened) co_return opened.error();
    Reply reply = co_await self->exchange(std::move(*opened), request, deadline, nothing_came);
    co_return reply;
}

HttpClient::HttpClient(asio::any_io_executor executor, WsUrl server, HttpClientOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(server), std::move(options))) {}

HttpClient::~HttpClient() {
    close();
}

asio::awaitable<HttpClient::Reply> HttpClient::send(HttpCall call, Deadline deadline) {
    return Impl::send(impl_, std::move(call), deadline);
}

void HttpClient::close() noexcept {
    impl_->closed = true;
    impl_->idle.clear();
    for (const auto& weak : impl_->links) {
        if (const auto link = weak.lock()) link->socket().close();
    }
    for (const auto& weak : impl_->lookups) {
        if (const auto lookup = weak.lock()) lookup->ready.cancel();
    }
}

std::size_t HttpClient::open_connections() const noexcept {
    return impl_->idle.size() + impl_->in_use;
}

void throw_exception_from_error(const HttpFailure& failed, const boost::source_location& where) {
    boost::throw_exception(std::runtime_error("http: " + std::string(to_string(failed.kind))),
                           where);
}

}  // namespace subcults::net
