#include "cache/cache_invalidation.hpp"

#include "metrics/catalogue.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <exception>
#include <utility>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

constexpr const char* trust_channel = "subcults_trust";

AnnouncerOptions announcer_options(const InvalidationOptions& options, jobs::ContinuousJob& job) {
    AnnouncerOptions announcer;
    announcer.database_uri = options.database_uri;
    announcer.on_query = options.on_query;
    announcer.on_failed = [&job](const db::Error& error) { job.failed(jobs::classify(error), 0); };
    return announcer;
}

struct SourceCounters {
    explicit SourceCounters(metrics::Registry& registry)
        : local(get(registry, "local")),
          remote(get(registry, "remote")),
          trust_graph(get(registry, "trust_graph")),
          flush(get(registry, "flush")) {}

    metrics::Counter& local;
    metrics::Counter& remote;
    metrics::Counter& trust_graph;
    metrics::Counter& flush;

  private:
    static metrics::Counter& get(metrics::Registry& registry, std::string_view source) {
        return registry.get(metrics::catalogue::cache_invalidations_total, {source});
    }
};

double seconds_since(SteadyClock::time_point then) {
    return std::chrono::duration<double>(SteadyClock::now() - then).count();
}

}  // namespace

struct CacheInvalidation::Impl : std::enable_shared_from_this<CacheInvalidation::Impl> {
    using Self = std::shared_ptr<Impl>;

    Impl(asio::io_context& io_context, InvalidationOptions given, CacheStamps& cache_stamps,
         metrics::Registry& registry, Log& to)
        : io(io_context),
          options(std::move(given)),
          stamps(cache_stamps),
          log(to),
          counters(registry),
          job("cache_invalidation", registry),
          announcer(io, announcer_options(options, job), log),
          rules(stamps, announcer.origin()),
          alarm(io.get_executor()) {}

    void listen();
    void hear(const db::Notification& notification);
    void on_connected();
    void schedule(SteadyClock::time_point heard);
    void apply();
    static asio::awaitable<void> probe(Self self);
    void judge_probe();

    asio::io_context& io;
    InvalidationOptions options;
    CacheStamps& stamps;
    Log& log;
    SourceCounters counters;
    jobs::ContinuousJob job;
    ChangeAnnouncer announcer;
    InvalidationRules rules;
    jobs::Alarm alarm;
    std::unique_ptr<db::Listener> listener;
    std::optional<SteadyClock::time_point> scheduled;  // since when something waits to be applied
    std::optional<SteadyClock::time_point> probe_sent_at;
    bool heard_before = false;  // a new connection means that one was lost
    bool stopped = false;
};

void CacheInvalidation::Impl::listen() {
    db::ListenerOptions made;
    made.connection.uri = options.database_uri;
    made.connection.application_name = "subcults-api cache listener";
    made.channels = {changes_channel, trust_channel};
    made.backoff = {std::chrono::milliseconds(100), std::chrono::milliseconds(3000)};
    made.on_notification = [this](const db::Notification& notification) { hear(notification); };
    made.on_connected = [this] { on_connected(); };
    listener = std::make_unique<db::Listener>(io.get_executor(), std::move(made));
    listener->start();
}

void CacheInvalidation::Impl::hear(const db::Notification& notification) {
    const auto now = SteadyClock::now();
    if (notification.channel == trust_channel) {
        rules.on_trust_graph();
    } else {
        rules.on_message(notification.payload);
    }
    if (rules.pending()) schedule(now);
    if (probe_sent_at && rules.probe_returned()) {
        job.succeeded(seconds_since(*std::exchange(probe_sent_at, std::nullopt)));
    }
}

void CacheInvalidation::Impl::on_connected() {
    // The first time there may be values from before as well: reads do not wait for the listener.
    if (std::exchange(heard_before, true)) {
        log.warn("notifications may have been lost: the caches are emptied");
        job.failed(jobs::ErrorType::database_error, 0);
    }
    probe_sent_at.reset();
    rules.on_loss();
    schedule(SteadyClock::now());
    alarm.ring();  // whether this connection hears anything is to be known soon
}

// Everything that has been read off the connection by now goes together.
void CacheInvalidation::Impl::schedule(SteadyClock::time_point heard) {
    if (scheduled) return;
    scheduled = heard;
    asio::post(io, [self = shared_from_this()] { self->apply(); });
}

void CacheInvalidation::Impl::apply() {
    const Invalidated done = rules.apply();
    counters.remote.increment(done.remote);
    counters.trust_graph.increment(done.trust_graph);
    counters.flush.increment(done.flushes);
    if (scheduled) job.succeeded(seconds_since(*std::exchange(scheduled, std::nullopt)));
}

// The probe before this one has had its time.
void CacheInvalidation::Impl::judge_probe() {
    if (!probe_sent_at) return;
    probe_sent_at.reset();
    job.failed(listener->connected() ? jobs::ErrorType::timeout : jobs::ErrorType::database_error,
               std::chrono::duration<double>(options.probe_every).count());
    rules.on_loss();
    apply();                             // at once, and not as a run that succeeded
    if (!listener->connected()) return;  // it is at it
    log.warn("the connection for notifications is silent: making another one");
    heard_before = false;  // that this one is given up has been counted
    listen();
}

asio::awaitable<void> CacheInvalidation::Impl::probe(Self self) {
    while (!self->stopped) {
        self->judge_probe();
        Changes probe;
        probe.probe = self->rules.next_probe();
        self->probe_sent_at = SteadyClock::now();
        self->announcer.note(probe);
        const auto until = SteadyClock::now() + self->options.probe_every;
        co_await self->alarm.nap_until(until);
    }
}

CacheInvalidation::CacheInvalidation(asio::io_context& io, InvalidationOptions options,
                                     CacheStamps& stamps, metrics::Registry& registry, Log& log)
    : impl_(std::make_shared<Impl>(io, std::move(options), stamps, registry, log)) {}

CacheInvalidation::~CacheInvalidation() {
    stop();
}

void CacheInvalidation::start() {
    if (!impl_->options.enabled) return;
    impl_->job.running(true);
    impl_->listen();
    impl_->announcer.start();
    auto rethrow = [](std::exception_ptr failed) {
        if (failed) std::rethrow_exception(failed);
    };
    asio::co_spawn(impl_->io, Impl::probe(impl_), std::move(rethrow));
}

void CacheInvalidation::stop() noexcept {
    if (std::exchange(impl_->stopped, true)) return;
    impl_->job.running(false);
    impl_->announcer.stop();
    impl_->listener.reset();
    try {
        impl_->alarm.ring();
    } catch (...) {
        // Nothing waits on it then.
    }
}

void CacheInvalidation::sessions_changed(std::span<const Uuid> sessions) {
    Changes changes;
    for (const Uuid& id : sessions)
        changes.sessions.add(id);
    changed_here(changes);
}

void CacheInvalidation::trust_changed(std::span<const Uuid> scenes) {
    Changes changes;
    for (const Uuid& id : scenes)
        changes.trust.add(id);
    changed_here(changes);
}

void CacheInvalidation::changed_here(const Changes& changes) {
    if (!impl_->options.enabled || changes.empty()) return;
    const std::size_t spoilt = spoil(impl_->stamps, changes);
    impl_->counters.local.increment(spoilt);
    impl_->announcer.note(changes);
}

const jobs::ContinuousJob& CacheInvalidation::job() const noexcept {
    return impl_->job;
}

}  // namespace subcults::api
