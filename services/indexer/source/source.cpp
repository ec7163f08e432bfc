#include "source/source.hpp"

#include "base/build_info.hpp"
#include "jetstream/url.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/websocket/error.hpp>

#include <algorithm>

namespace subcults::indexer {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

constexpr std::size_t max_frame_bytes = 16 * 1024 * 1024;
// Of a frame that cannot be read, so much is kept.
constexpr std::size_t max_raw_bytes = 256 * 1024;

net::WsOptions socket_options(const SourceOptions& options) {
    net::WsOptions made;
    made.user_agent = "subcults-indexer/" + std::string(build_info().version);
    made.max_message_bytes = max_frame_bytes;
    made.idle_timeout = options.idle_timeout;
    return made;
}

std::string_view reason_of(const boost::system::error_code& error) {
    if (error == beast::error::timeout || error == asio::error::timed_out) return "timeout";
    if (error == beast::websocket::error::closed || error == asio::error::eof) {
        return "closed_by_server";
    }
    if (error.category() == make_error_code(beast::websocket::error::closed).category()) {
        return "protocol_error";
    }
    return "read_error";
}

}  // namespace

Source::Source(asio::io_context& io, SourceOptions options, EventQueue& queue,
               IndexerMetrics& metrics, IndexerState& state, Log& log)
    : io_(io),
      options_(std::move(options)),
      queue_(queue),
      metrics_(metrics),
      state_(state),
      log_(log),
      decoder_(jetstream::CollectionFilter(options_.collections), max_frame_bytes),
      timer_(io),
      backoff_(options_.backoff,
               static_cast<std::uint64_t>(SteadyClock::now().time_since_epoch().count())) {
    for (const std::string& url : options_.urls)
        hosts_.push_back(jetstream::host_key(url));
}

Source::~Source() = default;

void Source::start(std::vector<jetstream::StoredCursor> positions) {
    asio::post(io_, [this, positions = std::move(positions)] {
        if (stopping_) return;
        marks_.clear();
        for (const auto& position : positions)
            marks_.emplace_back(position);
        // Where the newest position comes from is where this consumer has been reading.
        read_from_.reset();
        std::int64_t newest = 0;
        for (std::size_t i = 0; i < positions.size(); ++i) {
            if (!positions[i].time_us || *positions[i].time_us <= newest) continue;
            newest = *positions[i].time_us;
            read_from_ = i;
        }
        ++generation_;
        if (client_) client_->abort();
        timer_.cancel();
        asio::co_spawn(io_, run(generation_), [this](std::exception_ptr failure) {
            if (!failure) return;
            try {
                std::rethrow_exception(failure);
            } catch (const std::exception& error) {
                log_.error("the source ended", {{"what", error.what()}});
            }
        });
    });
}

void Source::stop(std::function<void()> done) {
    asio::post(io_, [this, done = std::move(done)]() mutable {
        stopping_ = true;
        ++generation_;
        if (client_) client_->abort();
        timer_.cancel();
        if (running_) {
            on_stopped_ = std::move(done);
        } else {
            done();
        }
    });
}

void Source::resume() {
    asio::post(io_, [this] { timer_.cancel(); });
}

asio::awaitable<void> Source::pause(std::chrono::milliseconds delay) {
    timer_.expires_after(delay);
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<void> Source::run(std::uint64_t generation) {
    // One at a time: a run that is being replaced has had its connection aborted and ends soon.
    asio::steady_timer turn(io_);
    while (running_) {
        turn.expires_after(std::chrono::milliseconds(5));
        co_await turn.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    if (!current(generation)) co_return;
    running_ = true;
    co_await serve(generation);
    running_ = false;
    state_.connected = false;
    if (on_stopped_) std::exchange(on_stopped_, nullptr)();
}

asio::awaitable<void> Source::serve(std::uint64_t generation) {
    while (current(generation)) {
        if (!first_attempt_) metrics_.count_reconnection(reconnect_reason_);
        first_attempt_ = false;
        heard_something_ = false;
        const bool connected = co_await connect();
        if (connected && current(generation)) {
            state_.connected = true;
            state_.endpoint = endpoint_;
            state_.heard_us = now_micros().value;
            reconnect_reason_ = co_await read_frames(generation);
            state_.connected = false;
        }
        if (!current(generation)) break;
        if (heard_something_) backoff_.reset();
        if (!connected || !heard_something_) endpoint_ = (endpoint_ + 1) % options_.urls.size();
        const auto delay = backoff_.next();
        log_.warn("disconnected from Jetstream", {{"reason", reconnect_reason_},
                                                  {"next", hosts_[endpoint_]},
                                                  {"delay_ms", delay.count()}});
        co_await pause(delay);
    }
    if (client_) co_await client_->close();
}

asio::awaitable<bool> Source::connect() {
    const std::string& url = options_.urls[endpoint_];
    auto parsed = net::WsUrl::parse(url);
    if (!parsed) co_return false;  // configuration has checked it

    // The newest position counts, whichever server it is of: with a short rewind there, with a
    // longer one at another server, whose stamps differ.
    const bool same_host = !read_from_ || hosts_[*read_from_] == hosts_[endpoint_];
    const std::size_t from = read_from_.value_or(endpoint_);
    const auto cursor = jetstream::connect_cursor(marks_[from].cursor(), same_host);
    parsed->target = jetstream::subscribe_target(url, options_.collections, cursor);

    client_ = std::make_unique<net::WsClient>(io_.get_executor(), socket_options(options_));
    auto result = co_await client_->connect(*parsed);
    if (!result) {
        const net::WsConnectError failure = result.error();
        const bool refused = failure.stage == net::WsConnectError::Stage::handshake;
        reconnect_reason_ = refused ? "handshake_refused" : "connect_failed";
        if (failure.stage == net::WsConnectError::Stage::timeout) reconnect_reason_ = "timeout";
        log_.warn("cannot connect to Jetstream", {{"host", hosts_[endpoint_]},
                                                  {"reason", reconnect_reason_},
                                                  {"http_status", failure.http_status},
                                                  {"error", failure.code.message()}});
        co_return false;
    }
    log_.info("connected to Jetstream",
              {{"host", hosts_[endpoint_]}, {"cursor", cursor.value_or(0)}});
    co_return true;
}

asio::awaitable<std::string_view> Source::read_frames(std::uint64_t generation) {
    for (;;) {
        auto frame = co_await client_->read();
        if (!current(generation)) co_return "other";
        if (!frame) co_return reason_of(frame.error());
        const bool room = take_in(*frame);
        if (!room) co_await wait_for_room(generation);
        if (!current(generation)) co_return "other";
    }
}

asio::awaitable<void> Source::wait_for_room(std::uint64_t generation) {
    const auto since = SteadyClock::now();
    metrics_.paused.increment();
    log_.info("reading paused", {{"queued", queue_.size()}, {"bytes", queue_.bytes()}});
    while (current(generation) && queue_.paused()) {
        // Woken by resume(); looks by itself now and then all the same.
        co_await pause(std::chrono::milliseconds(1000));
    }
    const double seconds = std::chrono::duration<double>(SteadyClock::now() - since).count();
    metrics_.resumed.increment();
    metrics_.pause_duration.observe(seconds);
    log_.info("reading resumed", {{"seconds", seconds}});
}

// Decodes one frame into the queue. Returns false when the queue wants no more.
bool Source::take_in(const net::WsFrame& frame) {
    metrics_.received_bytes.increment(frame.data.size());
    const UnixMicros now = now_micros();
    state_.heard_us = now.value;
    heard_something_ = true;
    read_from_ = endpoint_;
    jetstream::Watermark& mark = marks_[endpoint_];

    auto decoded = decoder_.decode(frame.data, true);
    if (!decoded) {
        jetstream::DecodeError error = std::move(decoded).error();
        std::uint64_t held_back = 0;
        if (fault_log_.allow(held_back)) {
            log_.warn("frame set aside", {{"reason", jetstream::to_string(error.fault)},
                                          {"path", error.path},
                                          {"detail", error.reason},
                                          {"more", held_back}});
        }
        FaultyFrame faulty;
        faulty.reason = jetstream::to_string(error.fault);
        faulty.path = std::move(error.path);
        faulty.detail = std::move(error.reason);
        faulty.did = std::move(error.did);
        faulty.time_us = error.time_us;
        faulty.raw = frame.data.substr(0, max_raw_bytes);
        if (error.time_us != 0) mark.observe(error.time_us);
        QueueItem item{std::move(faulty), endpoint_, mark.cursor(), SteadyClock::now()};
        return queue_.push(std::move(item));
    }
    if (!*decoded) {
        // A well-formed commit that nobody wants: nothing to keep but the position.
        TrailingMark trailing;
        trailing.endpoint = endpoint_;
        trailing.watermark = mark.cursor();
        queue_.advance(trailing);
        return true;
    }
    const jetstream::EventView& event = **decoded;
    mark.observe(event);
    state_.last_event_us = std::max(state_.last_event_us.load(), event.time_us);
    metrics_.count_event(event);
    QueueItem item{jetstream::Event(event), endpoint_, mark.cursor(), SteadyClock::now()};
    return queue_.push(std::move(item));
}

}  // namespace subcults::indexer
