#include "net/ws_client.hpp"

#include "net/http_parser.hpp"
#include "net/ws_feed.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/websocket/error.hpp>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <utility>
#include <vector>

namespace subcults::net {
namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds close_patience{2};
constexpr std::size_t detail_bytes = 200;

using PlainFeed = FeedOver<tcp::socket>;
using TlsFeed = FeedOver<asio::ssl::stream<tcp::socket>>;

// A name lookup that outlives whoever asked for it: getaddrinfo cannot be interrupted.
struct Lookup {
    explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), ready(executor) {}
    tcp::resolver resolver;
    asio::steady_timer ready;
    error_code ec;
    std::vector<tcp::endpoint> endpoints;
    bool done = false;
};

WsConnectError failure(WsConnectError::Stage stage, error_code code) {
    WsConnectError error;
    error.stage = stage;
    error.code = code;
    return error;
}

// Retry-After as seconds or as an HTTP date.
std::optional<unsigned> parse_retry_after(std::string_view text) {
    if (text.empty()) return std::nullopt;
    unsigned seconds = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size()) return seconds;
    std::tm parts{};
    const std::string copy(text);
    const char* const end = ::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (end == nullptr || *end != '\0') return std::nullopt;
    const std::time_t until = ::timegm(&parts);
    const std::time_t now = std::time(nullptr);
    return until > now ? static_cast<unsigned>(until - now) : 0U;
}

}  // namespace

struct WsClient::Impl : std::enable_shared_from_this<WsClient::Impl> {
    using Connected = Result<void, WsConnectError>;

    Impl(asio::any_io_executor executor_, WsOptions options_)
        : executor(std::move(executor_)),
          options(std::move(options_)),
          socket(executor),
          deadline_timer(executor),
          watch_timer(executor) {}

    static asio::awaitable<Connected> connect(std::shared_ptr<Impl> self, WsUrl url);
    static asio::awaitable<Result<WsFrame>> read(std::shared_ptr<Impl> self);
    static asio::awaitable<void> close(std::shared_ptr<Impl> self);
    asio::awaitable<error_code> resolve(const WsUrl& url, Deadline deadline);
    asio::awaitable<error_code> connect_any(Deadline deadline);
    Result<void, WsConnectError> make_feed(WsUrl& url);
    Connected judge_upgrade(error_code ec, const Feed::UpgradeResponse& response) const;

    void reset();
    void drop() noexcept;
    void arm(Deadline when);
    void disarm();
    void watch();
    void check_idle();
    error_code explain(error_code ec);

    asio::any_io_executor executor;
    WsOptions options;
    std::shared_ptr<FeedMeter> meter = std::make_shared<FeedMeter>();
    std::shared_ptr<Feed> feed;
    std::shared_ptr<Lookup> lookup;
    std::unique_ptr<asio::ssl::context> tls;
    std::vector<tcp::endpoint> endpoints;
    tcp::socket socket;  // until it becomes part of a feed
    asio::steady_timer deadline_timer;
    asio::steady_timer watch_timer;
    std::uint64_t armed = 0;  // which deadline; a late callback of an older one is ignored
    bool expired = false;
    bool idle_expired = false;
    bool aborted = false;
    bool reading = false;
    std::uint64_t reads = 0;
    std::string closed_with;

    // What check_idle() saw the last time.
    std::uint64_t watched_read = 0;
    bool watched = false;
    SteadyClock::time_point waiting_since{};
    std::optional<SteadyClock::time_point> closing_since;
};

void WsClient::Impl::reset() {
    drop();
    disarm();
    watch_timer.cancel();
    feed.reset();
    meter = std::make_shared<FeedMeter>();
    meter->last_heard = SteadyClock::now();
    endpoints.clear();
    expired = idle_expired = aborted = reading = watched = false;
    closing_since.reset();
    closed_with.clear();
}

void WsClient::Impl::drop() noexcept {
    error_code ignored;
    socket.close(ignored);
    if (feed) feed->drop();
    if (lookup) lookup->ready.cancel();
}

void WsClient::Impl::arm(Deadline when) {
    const std::uint64_t id = ++armed;
    expired = false;
    deadline_timer.expires_at(when);
    deadline_timer.async_wait([weak = weak_from_this(), id](const error_code& ec) {
        const auto self = weak.lock();
        if (ec || !self || self->armed != id) return;
        self->expired = true;
        self->drop();
    });
}

void WsClient::Impl::disarm() {
    ++armed;
    deadline_timer.cancel();
}

asio::awaitable<error_code> WsClient::Impl::resolve(const WsUrl& url, Deadline deadline) {
    error_code ec;
    const auto address = asio::ip::make_address(url.host, ec);
    if (!ec) {
        endpoints.emplace_back(address, url.port);
        co_return error_code{};
    }
    auto asked = std::make_shared<Lookup>(executor);
    lookup = asked;
    asked->ready.expires_at(deadline);
    asked->resolver.async_resolve(
        url.host, std::to_string(url.port), tcp::resolver::numeric_service,
        [asked](const error_code& result, const tcp::resolver::results_type& found) {
            asked->ec = result;
            for (const auto& entry : found)
                asked->endpoints.push_back(entry.endpoint());
            asked->done = true;
            asked->ready.cancel();
        });
    co_await asked->ready.async_wait(no_throw);
    lookup.reset();
    if (aborted) co_return asio::error::operation_aborted;
    if (!asked->done) {
        expired = true;
        co_return beast::error::timeout;
    }
    endpoints = std::move(asked->endpoints);
    co_return asked->ec;
}

// One address after the other, each with its share of what time is left, so that an address that
// swallows packets does not cost the attempt.
asio::awaitable<error_code> WsClient::Impl::connect_any(Deadline deadline) {
    error_code last = asio::error::host_not_found;
    std::size_t left = endpoints.size();
    for (const tcp::endpoint& endpoint : endpoints) {
        const auto now = SteadyClock::now();
        if (now >= deadline) break;
        arm(now + (deadline - now) / static_cast<std::int64_t>(left));
        --left;
        error_code ignored;
        socket.close(ignored);
        auto result = co_await socket.async_connect(endpoint, no_throw);
        last = std::get<0>(result);
        if (aborted) co_return asio::error::operation_aborted;
        if (expired) last = beast::error::timeout;
        if (!last) break;
    }
    disarm();
    expired = last == beast::error::timeout;
    if (!last) socket.set_option(tcp::no_delay(true), last);
    // So that the rare synchronous write fails instead of stopping the thread.
    if (!last) socket.non_blocking(true, last);
    co_return last;
}

Result<void, WsConnectError> WsClient::Impl::make_feed(WsUrl& url) {
    if (!url.tls) {
        feed = std::make_shared<PlainFeed>(options, meter, std::move(socket));
        return {};
    }
    error_code ec;
    if (!tls) {
        auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
        ::SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
        if (options.ca_file.empty()) {
            context->set_default_verify_paths(ec);
        } else {
            context->load_verify_file(options.ca_file, ec);
        }
        if (ec) return failure(WsConnectError::Stage::tls, ec);
        tls = std::move(context);
    }
    asio::ssl::stream<tcp::socket> stream(std::move(socket), *tls);
    stream.set_verify_mode(asio::ssl::verify_peer, ec);
    if (!ec) stream.set_verify_callback(asio::ssl::host_name_verification(url.host), ec);
    error_code not_address;
    asio::ip::make_address(url.host, not_address);
    // Names only: an address is not a valid server name indication.
    if (!ec && not_address) {
        // What the macro SSL_set_tlsext_host_name does, without its cast.
        const long set = ::SSL_ctrl(stream.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME,
                                    TLSEXT_NAMETYPE_host_name, url.host.data());
        if (set != 1) ec = asio::error::invalid_argument;
    }
    if (ec) return failure(WsConnectError::Stage::tls, ec);
    feed = std::make_shared<TlsFeed>(options, meter, std::move(stream));
    return {};
}

asio::awaitable<WsClient::Impl::Connected> WsClient::Impl::connect(std::shared_ptr<Impl> self,
                                                                   WsUrl url) {
    using Stage = WsConnectError::Stage;
    const Deadline deadline = deadline_in(self->options.handshake_timeout);
    self->reset();
    // Whatever the stage, running out of time is reported as such.
    const auto fail = [&self](Stage stage, error_code ec) {
        self->disarm();
        self->drop();
        if (self->aborted) return failure(stage, asio::error::operation_aborted);
        if (self->expired) return failure(Stage::timeout, beast::error::timeout);
        return failure(stage, ec);
    };
    error_code ec = co_await self->resolve(url, deadline);
    if (ec) co_return fail(Stage::resolve, ec);
    ec = co_await self->connect_any(deadline);
    if (ec) co_return fail(Stage::connect, ec);
    Connected made = self->make_feed(url);
    if (!made) {
        self->drop();
        co_return made;
    }
    self->arm(deadline);
    const auto feed = self->feed;
    ec = co_await feed->tls_handshake();
    if (ec || self->aborted || self->expired) co_return fail(Stage::tls, ec);
    Feed::UpgradeResponse response;
    ec = co_await feed->upgrade(url, response);
    if (self->aborted || self->expired) co_return fail(Stage::handshake, ec);
    self->disarm();
    Connected verdict = self->judge_upgrade(ec, response);
    if (!verdict) {
        self->drop();
        co_return verdict;
    }
    self->watch();
    co_return verdict;
}

WsClient::Impl::Connected WsClient::Impl::judge_upgrade(
    error_code ec, const Feed::UpgradeResponse& response) const {
    namespace http = beast::http;
    WsConnectError error = failure(WsConnectError::Stage::handshake, ec);
    if (ec) {
        // Only a refusal comes with a response; other errors leave it untouched.
        if (ec != beast::websocket::error::upgrade_declined) return error;
        error.http_status = response.result_int();
        const auto after = response[http::field::retry_after];
        error.retry_after_seconds = parse_retry_after(std::string_view(after.data(), after.size()));
        error.detail = response.body().substr(0, detail_bytes);
        return error;
    }
    const auto protocol = response[http::field::sec_websocket_protocol];
    if (!protocol.empty() &&
        (!options.subprotocol || protocol != beast::string_view(*options.subprotocol))) {
        error.code = boost::system::errc::make_error_code(boost::system::errc::protocol_error);
        error.detail = "the server chose another subprotocol";
        return error;
    }
    return {};
}

asio::awaitable<Result<WsFrame>> WsClient::Impl::read(std::shared_ptr<Impl> self) {
    const auto feed = self->feed;
    if (!feed) co_return error_code(asio::error::not_connected);
    self->reading = true;
    ++self->reads;
    auto result = co_await feed->read();
    if (self->feed != feed) co_return error_code(asio::error::operation_aborted);
    self->reading = false;
    if (!result) co_return self->explain(result.error());
    co_return result;
}

// The error the caller can act on, where the transport only says that the socket is gone.
error_code WsClient::Impl::explain(error_code ec) {
    watch_timer.cancel();
    closed_with = feed->close_reason();
    feed->drop();
    if (aborted) return asio::error::operation_aborted;
    if (idle_expired) return beast::error::timeout;
    if (!closed_with.empty()) return beast::websocket::error::closed;
    return ec;
}

void WsClient::Impl::watch() {
    const std::chrono::milliseconds shortest(10);
    const std::chrono::milliseconds longest(1000);
    watch_timer.expires_after(std::clamp(options.idle_timeout / 10, shortest, longest));
    watch_timer.async_wait([weak = weak_from_this()](const error_code& ec) {
        const auto self = weak.lock();
        if (ec || !self || !self->feed) return;
        self->check_idle();
        self->watch();
    });
}

// Silence counts only while somebody is listening: a reader that pauses to hold the server back
// learns nothing about the connection and must not lose it.
void WsClient::Impl::check_idle() {
    const auto now = SteadyClock::now();
    if (!reading || !watched || watched_read != reads) {
        watched = reading;
        watched_read = reads;
        waiting_since = now;
        return;
    }
    if (!feed->open()) {
        // A close handshake that the peer does not finish.
        if (!closing_since) closing_since = now;
        if (now - *closing_since >= close_patience) feed->drop();
        return;
    }
    const auto silence = now - std::max(meter->last_heard, waiting_since);
    if (silence >= options.idle_timeout) {
        idle_expired = true;
        feed->drop();
    } else if (silence >= options.idle_timeout / 2) {
        feed->ping();
    }
}

asio::awaitable<void> WsClient::Impl::close(std::shared_ptr<Impl> self) {
    const auto feed = self->feed;
    if (!feed) co_return;
    self->arm(deadline_in(close_patience));
    co_await feed->close();
    self->disarm();
    if (self->feed == feed && self->closed_with.empty()) self->closed_with = feed->close_reason();
    self->watch_timer.cancel();
    feed->drop();
}

WsClient::WsClient(asio::any_io_executor executor, WsOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options))) {}

WsClient::~WsClient() {
    abort();
}

asio::awaitable<Result<void, WsConnectError>> WsClient::connect(WsUrl url) {
    return Impl::connect(impl_, std::move(url));
}

asio::awaitable<Result<WsFrame>> WsClient::read() {
    return Impl::read(impl_);
}

asio::awaitable<void> WsClient::close() {
    return Impl::close(impl_);
}

void WsClient::abort() noexcept {
    impl_->aborted = true;
    impl_->watch_timer.cancel();
    impl_->drop();
}

SteadyClock::time_point WsClient::last_heard() const noexcept {
    return impl_->meter->last_heard;
}

std::uint64_t WsClient::bytes_received() const noexcept {
    return impl_->meter->bytes;
}

std::string WsClient::close_reason() const {
    return impl_->closed_with;
}

}  // namespace subcults::net
