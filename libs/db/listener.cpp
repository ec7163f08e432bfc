#include "db/listener.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <random>
#include <utility>

namespace asio = boost::asio;

namespace subcults::db {

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr auto quiet_for = std::chrono::seconds(30);
constexpr auto answer_within = std::chrono::seconds(5);
constexpr auto settled = std::chrono::seconds(1);

std::string listen_command(const std::vector<std::string>& channels) {
    std::string sql;
    for (const auto& channel : channels) {
        sql.append("LISTEN \"");
        for (const char c : channel) {
            if (c == '"') sql.push_back('"');
            sql.push_back(c);
        }
        sql.append("\";");
    }
    return sql;
}

}  // namespace

struct Listener::Impl {
    Impl(asio::any_io_executor executor_, ListenerOptions options_)
        : executor(std::move(executor_)),
          options(std::move(options_)),
          connection(executor, options.connection),
          pause(executor),
          backoff(options.backoff, std::random_device{}()) {}

    using Self = std::shared_ptr<Impl>;
    static asio::awaitable<void> run(Self self);
    static asio::awaitable<void> listen(Self self);

    asio::any_io_executor executor;
    ListenerOptions options;
    Connection connection;
    asio::steady_timer pause;
    Backoff backoff;
    bool started = false;
    bool stopped = false;
};

asio::awaitable<void> Listener::Impl::run(Self self) {
    while (!self->stopped) {
        const auto since = SteadyClock::now();
        co_await listen(self);
        self->connection.close();
        if (self->stopped) break;
        if (SteadyClock::now() - since >= settled) self->backoff.reset();
        self->pause.expires_after(self->backoff.next());
        static_cast<void>(co_await self->pause.async_wait(as_result));
    }
}

// One connection's life: ends when it is lost or the listener stops.
asio::awaitable<void> Listener::Impl::listen(Self self) {
    const auto connected = co_await self->connection.connect();
    if (!connected) co_return;
    auto command = listen_command(self->options.channels);
    const auto listening =
        co_await self->connection.execute(std::move(command), deadline_in(answer_within));
    if (!listening || self->stopped) co_return;
    if (self->options.on_connected) self->options.on_connected();
    while (!self->stopped) {
        const auto next = co_await self->connection.next_notification(deadline_in(quiet_for));
        if (self->stopped) co_return;
        if (next) {
            if (self->options.on_notification) self->options.on_notification(*next);
            continue;
        }
        if (next.error().kind != ErrorKind::timeout) co_return;
        // Silence may be peace or a cable that was cut.
        const auto answer =
            co_await self->connection.execute("SELECT 1", deadline_in(answer_within));
        if (!answer) co_return;
    }
}

Listener::Listener(asio::any_io_executor executor, ListenerOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options))) {}

Listener::~Listener() {
    stop();
}

void Listener::start() {
    if (std::exchange(impl_->started, true)) return;
    // A lost connection is a value; an exception here comes from a callback and must be seen.
    auto rethrow = [](std::exception_ptr failed) {
        if (failed) std::rethrow_exception(failed);
    };
    asio::co_spawn(impl_->executor, Impl::run(impl_), std::move(rethrow));
}

void Listener::stop() noexcept {
    impl_->stopped = true;
    impl_->connection.close();
    try {
        impl_->pause.cancel();
    } catch (...) {
        // Nothing waits on it then.
    }
}

bool Listener::connected() const noexcept {
    return impl_->connection.connected();
}

}  // namespace subcults::db
