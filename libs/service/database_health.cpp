#include "service/database_health.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace subcults::service {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds interval{1};
constexpr std::chrono::seconds time_limit{3};
constexpr std::chrono::seconds stale_after{5};

std::int64_t steady_ns() noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               SteadyClock::now().time_since_epoch())
        .count();
}

db::ConnectionOptions options(std::string uri, std::string name) {
    db::ConnectionOptions made;
    made.uri = std::move(uri);
    made.application_name = std::move(name);
    made.connect_timeout = std::chrono::milliseconds(2000);
    made.settings = {{"statement_timeout", "3s"}};
    return made;
}

}  // namespace

std::string_view to_string(DatabaseState state) noexcept {
    switch (state) {
        case DatabaseState::unknown:
            return "unknown";
        case DatabaseState::ready:
            return "ok";
        case DatabaseState::unreachable:
            return "unreachable";
        case DatabaseState::behind:
            return "schema_behind";
        case DatabaseState::incompatible:
            return "schema_incompatible";
    }
    return "unknown";
}

DatabaseHealth::DatabaseHealth(asio::io_context& io, std::string database_uri,
                               std::string application_name, Log& log)
    : io_(io),
      log_(log),
      connection_(io.get_executor(), options(std::move(database_uri), std::move(application_name))),
      timer_(io) {}

void DatabaseHealth::start() {
    asio::co_spawn(io_, run(), [this](std::exception_ptr failure) {
        if (failure && !stopping_) publish(DatabaseState::unreachable);
    });
}

void DatabaseHealth::stop() noexcept {
    stopping_ = true;
    timer_.cancel();
    connection_.close();
}

DatabaseState DatabaseHealth::state() const noexcept {
    const std::int64_t asked = asked_ns_.load(std::memory_order_relaxed);
    if (asked == 0) return DatabaseState::unknown;
    const std::chrono::nanoseconds age(steady_ns() - asked);
    return age > stale_after ? DatabaseState::unreachable : state_.load(std::memory_order_relaxed);
}

void DatabaseHealth::publish(DatabaseState state) {
    const DatabaseState before = state_.exchange(state, std::memory_order_relaxed);
    asked_ns_.store(steady_ns(), std::memory_order_relaxed);
    if (before == state) return;
    if (state == DatabaseState::ready) {
        log_.info("database is ready");
    } else {
        log_.warn("database is not ready", {{"state", to_string(state)}});
    }
}

asio::awaitable<DatabaseState> DatabaseHealth::ask() {
    if (!connection_.connected()) {
        auto connected = co_await connection_.connect();
        if (!connected) co_return DatabaseState::unreachable;
    }
    auto deadline = deadline_in(time_limit);
    auto checked = co_await schema::check(connection_, deadline);
    if (!checked) co_return DatabaseState::unreachable;
    switch (checked->verdict) {
        case schema::Compatibility::current:
            co_return DatabaseState::ready;
        case schema::Compatibility::behind:
            co_return DatabaseState::behind;
        case schema::Compatibility::incompatible:
            co_return DatabaseState::incompatible;
    }
    co_return DatabaseState::unreachable;
}

asio::awaitable<void> DatabaseHealth::run() {
    while (!stopping_) {
        const DatabaseState state = co_await ask();
        if (stopping_) co_return;
        publish(state);
        timer_.expires_after(interval);
        co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

}  // namespace subcults::service
