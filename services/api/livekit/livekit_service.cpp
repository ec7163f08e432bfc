#include "livekit/livekit_service.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <exception>

namespace subcults::api::livekit {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t lease_key = 0x6c6976656b6974;  // "livekit"
constexpr std::chrono::milliseconds inbox_poll{250};
constexpr std::chrono::milliseconds trouble_pause{1000};
constexpr std::chrono::seconds lease_interval{2};
constexpr std::chrono::seconds closings_interval{2};
constexpr std::chrono::seconds purge_interval{600};
// Lists of a large room are long: some 800 bytes per participant.
constexpr std::size_t longest_answer = 32 * 1024 * 1024;

db::PoolOptions pool_options(const ServiceOptions& options) {
    db::PoolOptions pool;
    pool.connection.uri = options.database_uri;
    pool.connection.application_name = "subcults-api livekit";
    pool.connection.settings = {{"statement_timeout", "8s"}, {"jit", "off"}};
    for (const auto& list :
         {OutboxWorker::statements(), InboxProcessor::statements(), Reconciler::statements()}) {
        pool.connection.statements.insert(pool.connection.statements.end(), list.begin(),
                                          list.end());
    }
    pool.connection.on_query = options.on_query;
    pool.size = 2;
    return pool;
}

RoomServiceOptions room_options(const ServiceOptions& options) {
    RoomServiceOptions rooms;
    rooms.url = net::WsUrl::parse(options.livekit.url).value();
    rooms.api_key = options.livekit.api_key;
    rooms.api_secret = options.livekit.api_secret;
    rooms.http.user_agent = "subcults-api";
    rooms.http.max_response_bytes = longest_answer;
    return rooms;
}

InboxOptions inbox_options(const ServiceOptions& options) {
    InboxOptions inbox;
    inbox.empty_grace = std::chrono::seconds(options.livekit.empty_grace_seconds);
    return inbox;
}

db::ListenerOptions listener_options(const ServiceOptions& options, OutboxWorker& outbox) {
    db::ListenerOptions listener;
    listener.connection.uri = options.database_direct_uri;
    listener.connection.application_name = "subcults-api livekit listener";
    listener.channels = {"livekit_outbox"};
    listener.on_notification = [&outbox](const db::Notification&) { outbox.wake(); };
    listener.on_connected = [&outbox] { outbox.wake(); };
    return listener;
}

}  // namespace

LiveKitService::LiveKitService(asio::io_context& io, ServiceOptions options,
                               LedgerDesk::Submit submit, LiveKitMetrics& metrics, Log& log)
    : io_(io),
      log_(log),
      metrics_(metrics),
      pool_(io.get_executor(), pool_options(options)),
      rooms_(io.get_executor(), room_options(options), metrics, log),
      desk_(io.get_executor(), std::move(submit)),
      outbox_(io.get_executor(), pool_, rooms_, log),
      inbox_(pool_, desk_, rooms_, inbox_options(options), log),
      reconciler_(pool_, desk_, rooms_, metrics,
                  std::chrono::seconds(options.livekit.empty_grace_seconds), log),
      lease_(io.get_executor(), options.database_direct_uri, lease_key),
      listener_(io.get_executor(), listener_options(options, outbox_)),
      inbox_alarm_(io.get_executor()) {}

void LiveKitService::start() {
    pool_.start();
    listener_.start();
    spawn("livekit outbox", &LiveKitService::outbox_loop);
    spawn("livekit inbox", &LiveKitService::inbox_loop);
}

void LiveKitService::stop() {
    stopping_ = true;
    outbox_.stop();
    rooms_.stop();
    listener_.stop();
    lease_.stop();
    pool_.stop();
    inbox_alarm_.ring();
}

void LiveKitService::wake_inbox() {
    asio::post(io_, [this] { inbox_alarm_.ring(); });
}

void LiveKitService::spawn(std::string_view name, asio::awaitable<void> (LiveKitService::*loop)()) {
    asio::co_spawn(io_, for_ever(name, loop), [this, name](std::exception_ptr failure) {
        if (failure) log_.error("livekit loop ended", {{"loop", name}});
    });
}

// What escapes a loop is a bug or a lack of memory; neither may stop it for good.
asio::awaitable<void> LiveKitService::for_ever(std::string_view name,
                                               asio::awaitable<void> (LiveKitService::*loop)()) {
    Alarm pause(io_.get_executor());
    while (!stopping_) {
        try {
            co_await (this->*loop)();
        } catch (const std::exception& error) {
            log_.error("livekit loop threw", {{"loop", name}, {"what", error.what()}});
        }
        if (!stopping_) co_await pause.nap(trouble_pause);
    }
}

asio::awaitable<void> LiveKitService::look_after_lease() {
    const auto now = SteadyClock::now();
    if (now < lease_due_) co_return;
    lease_due_ = now + lease_interval;
    const bool before = lease_.held();
    const bool held = co_await lease_.hold();
    if (held == before) co_return;
    if (!held) metrics_.pending(0, 0);
    log_.info(held ? "livekit lease taken" : "livekit lease lost");
}

asio::awaitable<void> LiveKitService::inbox_loop() {
    while (!stopping_) {
        co_await look_after_lease();
        std::chrono::milliseconds pause = lease_interval;
        if (lease_.held() && !stopping_) pause = co_await inbox_round();
        if (pause.count() > 0 && !stopping_) co_await inbox_alarm_.nap(pause);
    }
}

asio::awaitable<std::chrono::milliseconds> LiveKitService::inbox_round() {
    const InboxProcessor::Round done = co_await inbox_.process();
    const auto now = SteadyClock::now();
    if (now >= closings_due_ && !stopping_) {
        closings_due_ = now + closings_interval;
        co_await inbox_.close_finished();
        co_await reconciler_.measure();
    }
    if (now >= purge_due_ && !stopping_) {
        const bool more = co_await inbox_.purge();
        purge_due_ = now + (more ? closings_interval : purge_interval);
    }
    switch (done) {
        case InboxProcessor::Round::more:
            co_return std::chrono::milliseconds(0);
        case InboxProcessor::Round::trouble:
            co_return trouble_pause;
        case InboxProcessor::Round::idle:
            break;
    }
    co_return inbox_poll;
}

}  // namespace subcults::api::livekit
