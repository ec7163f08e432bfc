#include "source/source.hpp"

#include "base/crash_point.hpp"
#include "jetstream/url.hpp"
#include "source/dictionary.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/websocket/error.hpp>

#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace subcults::indexer {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds turn_poll{5};
constexpr std::chrono::seconds room_poll{1};
// Servers give a reader up that answers no ping and takes no data for about so long …
constexpr double starving_seconds = 5;
// … which it notices only once it has read what was under way.
constexpr std::chrono::seconds starved_for{60};

std::vector<std::string> hosts_of(const std::vector<std::string>& urls) {
    std::vector<std::string> hosts;
    for (const std::string& url : urls)
        hosts.push_back(jetstream::host_key(url));
    return hosts;
}

IntakeOptions intake_options(const SourceOptions& options) {
    IntakeOptions made;
    made.hosts = hosts_of(options.urls);
    made.collections = options.collections;
    made.shard = options.shard;
    return made;
}

std::optional<jetstream::FrameDecompressor> decompressor_of(const std::string& file) {
    if (file.empty()) return std::nullopt;
    auto loaded = load_dictionary(file);
    if (!loaded) throw std::runtime_error("JETSTREAM_ZSTD_DICTIONARY: " + loaded.error());
    return std::move(*loaded);
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
      hosts_(hosts_of(options_.urls)),
      queue_(queue),
      metrics_(metrics),
      state_(state),
      log_(log),
      intake_(intake_options(options_), decompressor_of(options_.dictionary_file), queue, metrics,
              state, log),
      policy_(options_.urls.size(), options_.rules,
              static_cast<std::uint64_t>(SteadyClock::now().time_since_epoch().count())),
      timer_(io),
      room_timer_(io),
      scout_timer_(io),
      last_errors_(options_.urls.size()),
      uncompressed_(options_.urls.size(), false) {
    publish(LinkState::idle, 0);
}

Source::~Source() = default;

void Source::start(StartPositions positions) {
    asio::post(io_, [this, positions = std::move(positions)] {
        if (stopping_) return;
        end_run();
        intake_.restart(positions);
        asio::co_spawn(io_, run(generation_), [this](std::exception_ptr failure) {
            if (failure) die_of(failure);
        });
    });
}

// What was thrown may have come between moving the position and queueing the event that it covers.
// Only the committed position can be trusted then, and starting again goes on from there.
void Source::die_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        log_.error("reading failed, ending the process", {{"what", error.what()}});
    }
    log_.flush();
    std::_Exit(EXIT_FAILURE);
}

void Source::suspend() {
    asio::post(io_, [this] { end_run(); });
}

void Source::stop(std::function<void()> done) {
    asio::post(io_, [this, done = std::move(done)]() mutable {
        stopping_ = true;
        end_run();
        if (running_) {
            on_stopped_ = std::move(done);
        } else {
            done();
        }
    });
}

void Source::resume() {
    asio::post(io_, [this] { room_timer_.cancel(); });
}

// Whatever runs finds out that it is not current any more.
void Source::end_run() {
    ++generation_;
    ++link_number_;
    for (const auto& client : opening_)
        client->abort();
    if (link_) link_->client->abort();
    timer_.cancel();
    room_timer_.cancel();
    scout_timer_.cancel();
}

asio::awaitable<void> Source::wait_until(SteadyClock::time_point when, std::uint64_t generation) {
    while (current(generation) && SteadyClock::now() < when) {
        timer_.expires_at(when);
        co_await timer_.async_wait(no_throw);
    }
}

asio::awaitable<void> Source::run(std::uint64_t generation) {
    // One at a time: a run that is being replaced has had its connection aborted and ends soon.
    asio::steady_timer turn(io_);
    while (running_) {
        turn.expires_after(turn_poll);
        co_await turn.async_wait(no_throw);
    }
    if (!current(generation)) co_return;
    running_ = true;
    co_await serve(generation);
    while (scouts_ > 0) {
        turn.expires_after(turn_poll);
        co_await turn.async_wait(no_throw);
    }
    link_.reset();
    successor_.reset();
    running_ = false;
    publish(LinkState::idle, state_.endpoint);
    if (on_stopped_) std::exchange(on_stopped_, nullptr)();
}

asio::awaitable<void> Source::serve(std::uint64_t generation) {
    while (current(generation)) {
        const auto planned = policy_.next(SteadyClock::now());
        publish(LinkState::waiting, planned.endpoint);
        co_await wait_until(planned.at, generation);
        if (!current(generation)) break;
        // What was committed meanwhile may have changed whose turn it is.
        note_progress();
        const auto attempt = policy_.next(SteadyClock::now());
        if (attempt.endpoint != planned.endpoint || attempt.at > SteadyClock::now()) continue;

        if (!std::exchange(first_attempt_, false)) metrics_.count_reconnection(reconnect_reason_);
        publish(LinkState::connecting, attempt.endpoint);
        auto opened = co_await open(attempt.endpoint, generation);
        if (!current(generation)) break;
        if (!opened) continue;
        adopt(std::move(*opened));
        co_await read_link(generation);
    }
}

// This connection is the one to read from now on.
void Source::adopt(Link link) {
    const std::size_t endpoint = link.endpoint;
    link_ = std::move(link);
    ++link_number_;
    heard_ = false;
    progressed_ = false;
    starved_until_ = {};
    committed_before_us_ = state_.cursor_us;
    last_errors_[endpoint].clear();
    policy_.on_connected(endpoint, SteadyClock::now());
    intake_.begin(endpoint, link_->resume, link_->compressed);
    state_.endpoint = endpoint;
    state_.heard_us = now_micros().value;
    state_.connected = true;
    publish(LinkState::reading, endpoint);
    crash_point("source.connected");
    log_.info("connected to Jetstream", {{"host", hosts_[endpoint]},
                                         {"cursor", link_->resume.cursor.value_or(0)},
                                         {"by_seq", link_->resume.by_seq},
                                         {"compressed", link_->compressed}});
}

// Reads the connection, and those that replace it without a break, to the end.
asio::awaitable<void> Source::read_link(std::uint64_t generation) {
    for (;;) {
        const std::size_t endpoint = link_->endpoint;
        if (policy_.preferred_due()) {
            ++scouts_;
            auto scout = look_for_preferred(generation, link_number_);
            asio::co_spawn(io_, std::move(scout), [this](std::exception_ptr failure) {
                --scouts_;
                if (failure) die_of(failure);
            });
        }
        reconnect_reason_ = co_await read_frames(generation);
        state_.connected = false;
        if (!current(generation)) co_return;
        note_progress();
        ++link_number_;
        scout_timer_.cancel();
        const auto now = SteadyClock::now();
        if (successor_) {
            log_.info("returning to the preferred server", {{"host", hosts_[0]}});
            policy_.on_disconnected(true, now);
            Link next = std::move(*successor_);
            successor_.reset();
            adopt(std::move(next));
            continue;
        }
        // Our own doing: a pause that was too long, or a dictionary that does not fit.
        const bool expected = now < starved_until_ || reconnect_reason_ == "compression";
        policy_.on_disconnected(expected, now);
        last_errors_[endpoint] = reconnect_reason_;
        log_.warn("disconnected from Jetstream", {{"host", hosts_[endpoint]},
                                                  {"reason", reconnect_reason_},
                                                  {"said", link_->client->close_reason()},
                                                  {"expected", expected}});
        link_.reset();
        co_return;
    }
}

asio::awaitable<std::string_view> Source::read_frames(std::uint64_t generation) {
    const std::shared_ptr<net::WsClient> client = link_->client;
    for (;;) {
        auto frame = co_await client->read();
        if (!current(generation)) co_return "other";
        if (!frame) co_return successor_ ? "preferred_again" : reason_of(frame.error());
        const Taken taken = intake_.take(frame->data, frame->binary);
        if (!std::exchange(heard_, true)) {
            crash_point("source.first_frame");
            publish(LinkState::reading, link_->endpoint);
        }
        note_progress();
        if (taken == Taken::seq_regression) co_return "seq_regression";
        if (taken == Taken::other_dictionary) {
            give_up_compression(link_->endpoint, "its frames need another dictionary");
            co_return "compression";
        }
        if (taken == Taken::queue_full) co_await wait_for_room(generation);
        if (!current(generation)) co_return "other";
    }
}

// While a lesser server is read: opens a connection to the preferred one when it is due.
asio::awaitable<void> Source::look_for_preferred(std::uint64_t generation, std::uint64_t link) {
    while (current(generation) && link == link_number_) {
        const auto due = policy_.preferred_due();
        if (!due) co_return;
        if (SteadyClock::now() < *due) {
            scout_timer_.expires_at(*due);
            co_await scout_timer_.async_wait(no_throw);
            continue;
        }
        metrics_.count_reconnection("preferred_again");
        auto opened = co_await open(0, generation);
        if (!current(generation) || link != link_number_) co_return;
        if (!opened) continue;  // the policy has put it off
        successor_ = std::move(*opened);
        link_->client->abort();
        co_return;
    }
}

asio::awaitable<void> Source::wait_for_room(std::uint64_t generation) {
    const auto since = SteadyClock::now();
    metrics_.paused.increment();
    publish(LinkState::paused, link_->endpoint);
    crash_point("source.paused");
    log_.info("reading paused", {{"queued", queue_.size()}, {"bytes", queue_.bytes()}});
    while (current(generation) && queue_.paused()) {
        // Woken by resume(); looks by itself now and then all the same.
        room_timer_.expires_after(room_poll);
        co_await room_timer_.async_wait(no_throw);
    }
    const auto now = SteadyClock::now();
    const double seconds = std::chrono::duration<double>(now - since).count();
    if (seconds > starving_seconds) starved_until_ = now + starved_for;
    metrics_.resumed.increment();
    metrics_.pause_duration.observe(seconds);
    publish(LinkState::reading, link_->endpoint);
    log_.info("reading resumed", {{"seconds", seconds}});
}

// Once per connection: something has been committed since it brought its first frame.
void Source::note_progress() {
    if (progressed_ || !heard_ || state_.cursor_us.load() <= committed_before_us_) return;
    progressed_ = true;
    policy_.on_progress();
}

void Source::publish(LinkState link, std::size_t endpoint) {
    if (link != published_ || link_since_.value == 0) link_since_ = now_micros();
    published_ = link;
    SourceView view;
    view.link = link;
    view.endpoint = endpoint;
    view.since = link_since_;
    view.reconnections = metrics_.reconnection_attempts.value();
    view.compressed = link_ && link_->compressed;
    view.numbered = intake_.numbered();
    view.preferred_due = policy_.preferred_due();
    for (std::size_t i = 0; i < policy_.size(); ++i) {
        const auto& standing = policy_.standing(i);
        EndpointView shown;
        shown.failures = standing.failures;
        shown.permanent = standing.permanent;
        shown.last_error = last_errors_[i];
        if (standing.failures > 0) shown.next_attempt = standing.not_before;
        view.endpoints.push_back(std::move(shown));
    }
    state_.source.set(std::move(view));
}

}  // namespace subcults::indexer
