// Opening a connection, and what is made of a failure.
#include "base/build_info.hpp"
#include "base/crash_point.hpp"
#include "jetstream/url.hpp"
#include "source/dictionary.hpp"
#include "source/source.hpp"

#include <algorithm>
#include <utility>

namespace subcults::indexer {

namespace asio = boost::asio;

namespace {

using Stage = net::WsConnectError::Stage;

net::WsOptions socket_options(const SourceOptions& options) {
    net::WsOptions made;
    made.user_agent = "subcults-indexer/" + std::string(build_info().version);
    made.max_message_bytes = max_frame_bytes;
    made.idle_timeout = options.idle_timeout;
    return made;
}

std::string_view reason_of(const net::WsConnectError& error) {
    if (error.stage == Stage::timeout) return "timeout";
    if (error.stage == Stage::tls) return "tls_failed";
    return error.http_status != 0 ? "handshake_refused" : "connect_failed";
}

jetstream::ConnectFailure failure_of(const net::WsConnectError& error) {
    jetstream::ConnectFailure failure;
    if (error.stage == Stage::tls) failure.kind = jetstream::ConnectFailure::Kind::tls;
    if (error.http_status != 0) failure.kind = jetstream::ConnectFailure::Kind::answered;
    failure.http_status = error.http_status;
    failure.retry_after_seconds = error.retry_after_seconds;
    return failure;
}

// What a server said, fit for a page: others choose these bytes.
std::string printable(std::string_view text) {
    std::string clean;
    for (const char c : text)
        clean.push_back(c >= ' ' && c <= '~' ? c : ' ');
    return clean;
}

std::string describe(const net::WsConnectError& error) {
    if (error.http_status == 0) return std::string(reason_of(error)) + ": " + error.code.message();
    std::string text = "HTTP " + std::to_string(error.http_status);
    if (!error.detail.empty()) text.append(": ").append(printable(error.detail));
    return text;
}

}  // namespace

asio::awaitable<std::optional<Source::Link>> Source::open(std::size_t endpoint,
                                                          std::uint64_t generation) {
    const std::string& url = options_.urls[endpoint];
    bool plain = uncompressed_[endpoint] || !intake_.decompresses();
    bool refused_compression = false;
    for (;;) {
        auto parsed = net::WsUrl::parse(url);
        if (!parsed) throw std::logic_error("configuration has checked the URLs");
        Link link;
        link.endpoint = endpoint;
        link.compressed = !plain;
        link.resume = intake_.resume_at(endpoint);
        // Before there is a position, where the operator says to begin goes first.
        if (!link.resume.held_us && jetstream::names_cursor(url)) link.resume.cursor.reset();
        parsed->target = jetstream::subscribe_target(url, options_.collections, link.resume.cursor,
                                                     link.compressed);
        link.client = std::make_shared<net::WsClient>(io_.get_executor(), socket_options(options_));
        const std::shared_ptr<net::WsClient> client = link.client;
        opening_.push_back(client);
        crash_point("source.connecting");
        auto result = co_await client->connect(std::move(*parsed));
        std::erase(opening_, client);
        if (!current(generation)) co_return std::nullopt;
        if (result) {
            if (refused_compression) give_up_compression(endpoint, "it answers HTTP 400 to that");
            co_return link;
        }
        // Newer servers know another kind of compression and refuse this one: try without, before
        // the refusal counts.
        if (!plain && result.error().http_status == 400) {
            plain = true;
            refused_compression = true;
            continue;
        }
        report(endpoint, result.error());
        co_return std::nullopt;
    }
}

void Source::report(std::size_t endpoint, const net::WsConnectError& error) {
    const auto verdict = policy_.on_failed(endpoint, failure_of(error), SteadyClock::now());
    // Beside a connection that stands, a failure is not what ends it.
    if (!link_) reconnect_reason_ = reason_of(error);
    last_errors_[endpoint] = describe(error);
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(
        policy_.standing(endpoint).not_before - SteadyClock::now());
    LogLevel level = LogLevel::warn;
    if (verdict.permanent) level = LogLevel::info;
    if (verdict.loud) level = LogLevel::error;
    log_.line(level,
              verdict.permanent ? "a Jetstream server refuses this indexer; asking again rarely"
                                : "cannot connect to Jetstream",
              {{"host", hosts_[endpoint]},
               {"reason", reason_of(error)},
               {"http_status", error.http_status},
               {"answer", error.detail},
               {"error", error.code.message()},
               {"retry_in_ms", wait.count()}});
    const auto shown = state_.source.get();
    publish(shown.link, shown.endpoint);
}

void Source::give_up_compression(std::size_t endpoint, std::string_view why) {
    uncompressed_[endpoint] = true;
    log_.warn("reading a server uncompressed", {{"host", hosts_[endpoint]}, {"why", why}});
}

}  // namespace subcults::indexer
