#include "cache/change_announcer.hpp"

#include "base/time.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <exception>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds statement_limit{5};

constexpr db::Statement notify{
    "cache_notify",
    "SELECT pg_notify($1::text, p.payload)::text FROM unnest($2::text[]) AS p(payload)"};

db::ConnectionOptions connection_options(const AnnouncerOptions& options) {
    db::ConnectionOptions connection;
    connection.uri = options.database_uri;
    connection.application_name = "subcults-api changes";
    // A notification is not worth waiting for a disk; it is lost with a crash either way.
    connection.settings = {
        {"synchronous_commit", "off"}, {"statement_timeout", "5s"}, {"jit", "off"}};
    connection.statements = {notify};
    connection.on_query = options.on_query;
    return connection;
}

BackoffPolicy retry_policy() {
    return {std::chrono::milliseconds(100), std::chrono::milliseconds(3000)};
}

}  // namespace

struct ChangeAnnouncer::Impl : std::enable_shared_from_this<ChangeAnnouncer::Impl> {
    using Self = std::shared_ptr<Impl>;

    Impl(asio::io_context& io_context, AnnouncerOptions given, Log& to)
        : io(io_context),
          options(std::move(given)),
          log(to),
          connection(io.get_executor(), connection_options(options)),
          alarm(io.get_executor()),
          backoff(retry_policy(), std::random_device{}()) {}

    static asio::awaitable<void> run(Self self);
    asio::awaitable<db::DbResult<void>> send(Changes changes);
    void put_back(const Changes& changes);
    Changes take();

    asio::io_context& io;
    AnnouncerOptions options;
    Log& log;
    db::Connection connection;
    jobs::Alarm alarm;
    Backoff backoff;
    Uuid origin = uuid_v7();
    bool started = false;
    bool stopped = false;
    bool failing = false;

    std::mutex mutex;  // of what follows
    Changes pending;
    bool posted = false;
};

Changes ChangeAnnouncer::Impl::take() {
    const std::lock_guard lock(mutex);
    posted = false;
    return std::exchange(pending, Changes());
}

void ChangeAnnouncer::Impl::put_back(const Changes& changes) {
    const std::lock_guard lock(mutex);
    pending.merge(changes);
}

asio::awaitable<db::DbResult<void>> ChangeAnnouncer::Impl::send(Changes changes) {
    if (!connection.connected()) {
        auto connected = co_await connection.connect();
        if (!connected) co_return std::move(connected).error();
    }
    const std::vector<std::string> payloads = encode_changes(origin, changes);
    const std::vector<std::string_view> views(payloads.begin(), payloads.end());
    db::Params params;
    params.text(changes_channel).text_array(std::span<const std::string_view>(views));
    auto deadline = deadline_in(statement_limit);
    auto sent = co_await connection.query(notify, std::move(params), deadline);
    if (!sent) co_return std::move(sent).error();
    co_return db::DbResult<void>();
}

asio::awaitable<void> ChangeAnnouncer::Impl::run(Self self) {
    while (!self->stopped) {
        const Changes changes = self->take();
        if (changes.empty()) {
            co_await self->alarm.nap_until(SteadyClock::time_point::max());
            continue;
        }
        auto sent = co_await self->send(changes);
        if (self->stopped) co_return;
        auto delay = self->options.gap;
        if (sent) {
            if (std::exchange(self->failing, false)) self->log.info("changes are told again");
            self->backoff.reset();
        } else {
            // Told twice is harmless.
            self->put_back(changes);
            if (!std::exchange(self->failing, true)) {
                self->log.warn("cannot tell other processes of changes",
                               {{"kind", db::to_string(sent.error().kind)},
                                {"sqlstate", sent.error().sqlstate},
                                {"error", sent.error().message}});
            }
            if (self->options.on_failed) self->options.on_failed(sent.error());
            delay = self->backoff.next();
        }
        // Whatever rings meanwhile waits: that is what the gap is for.
        const auto until = SteadyClock::now() + delay;
        while (!self->stopped && SteadyClock::now() < until)
            co_await self->alarm.nap_until(until);
    }
}

ChangeAnnouncer::ChangeAnnouncer(asio::io_context& io, AnnouncerOptions options, Log& log)
    : impl_(std::make_shared<Impl>(io, std::move(options), log)) {}

ChangeAnnouncer::~ChangeAnnouncer() {
    stop();
}

void ChangeAnnouncer::start() {
    if (std::exchange(impl_->started, true)) return;
    // Errors of the database are values; an exception is a mistake of ours and must be seen.
    auto rethrow = [](std::exception_ptr failed) {
        if (failed) std::rethrow_exception(failed);
    };
    asio::co_spawn(impl_->io, Impl::run(impl_), std::move(rethrow));
}

void ChangeAnnouncer::stop() noexcept {
    impl_->stopped = true;
    impl_->connection.close();
    try {
        impl_->alarm.ring();
    } catch (...) {
        // Nothing waits on it then.
    }
}

void ChangeAnnouncer::note(const Changes& changes) {
    if (changes.empty()) return;
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->pending.merge(changes);
        if (std::exchange(impl_->posted, true)) return;
    }
    asio::post(impl_->io, [impl = impl_] { impl->alarm.ring(); });
}

const Uuid& ChangeAnnouncer::origin() const noexcept {
    return impl_->origin;
}

}  // namespace subcults::api
