#include "streams/session_lease.hpp"

#include "metrics/catalogue.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace subcults::api {

namespace asio = boost::asio;
namespace catalogue = metrics::catalogue;

namespace {

constexpr std::chrono::seconds interval{5};
constexpr std::chrono::seconds time_limit{4};
constexpr std::int64_t max_series = 1000;
// "subcults" and a number, as a bigint: advisory locks are shared by everybody in a database.
constexpr std::int64_t lease_key = 0x7375'6263'756c'0001;

constexpr db::Statement take_lease{"lease_take", "SELECT pg_try_advisory_lock($1::bigint)"};
constexpr db::Statement live_sessions{
    "lease_live_sessions",
    "SELECT id, active_count, count(*) OVER () FROM stream_sessions WHERE ended_at IS NULL"
    " ORDER BY active_count DESC, id LIMIT $1::bigint"};

db::ConnectionOptions options(std::string uri) {
    db::ConnectionOptions made;
    made.uri = std::move(uri);
    made.application_name = "subcults-api lease";
    made.connect_timeout = std::chrono::milliseconds(2000);
    made.settings = {{"statement_timeout", "4s"}, {"jit", "off"}};
    made.statements = {take_lease, live_sessions};
    for (const db::Statement& statement : MissingAnalytics::statements())
        made.statements.push_back(statement);
    return made;
}

}  // namespace

SessionLease::SessionLease(asio::io_context& io, std::string database_uri,
                           metrics::Registry& registry, Log& log)
    : io_(io),
      registry_(registry),
      log_(log),
      connection_(io.get_executor(), options(std::move(database_uri))),
      timer_(io),
      analytics_(log) {}

void SessionLease::start() {
    asio::co_spawn(io_, run(), [this](std::exception_ptr failure) {
        forget();
        if (failure && !stopping_) log_.error("session lease ended");
    });
}

void SessionLease::stop() noexcept {
    stopping_ = true;
    timer_.cancel();
    connection_.close();
}

asio::awaitable<void> SessionLease::run() {
    while (!stopping_) {
        const bool fine = co_await turn();
        if (stopping_) co_return;
        if (!fine) {
            holding_ = false;
            connection_.close();
            forget();
        }
        timer_.expires_after(interval);
        co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

void SessionLease::failed(const db::Error& error) {
    if (stopping_ || failing_) return;
    failing_ = true;  // the first one of a row tells enough
    log_.warn("session lease: the database failed",
              {{"sqlstate", error.sqlstate}, {"statement", error.statement}});
}

asio::awaitable<bool> SessionLease::turn() {
    if (!connection_.connected()) {
        holding_ = false;
        forget();
        auto connected = co_await connection_.connect();
        if (!connected) {
            failed(connected.error());
            co_return false;
        }
    }
    if (!holding_) {
        const bool asked = co_await acquire();
        if (!asked) co_return false;
    }
    failing_ = false;
    if (!holding_) co_return true;
    const bool shown = co_await read_gauges();
    if (!shown) co_return false;

    // A crowd whose analytics take too long must not cost the lease: whoever asks for them waits.
    co_await analytics_.turn(connection_);
    co_return connection_.connected();
}

asio::awaitable<bool> SessionLease::acquire() {
    db::Params params;
    params.int8(lease_key);
    auto limit = deadline_in(time_limit);
    auto rows = co_await connection_.query(take_lease, std::move(params), limit);
    if (!rows) {
        failed(rows.error());
        co_return false;
    }
    holding_ = rows->boolean(0, 0);
    if (holding_) log_.info("session lease taken");
    co_return true;
}

asio::awaitable<bool> SessionLease::read_gauges() {
    db::Params params;
    params.int8(max_series);
    auto limit = deadline_in(time_limit);
    auto rows = co_await connection_.query(live_sessions, std::move(params), limit);
    if (!rows) {
        failed(rows.error());
        co_return false;
    }
    show(*rows);
    co_return true;
}

void SessionLease::show(const db::Rows& rows) {
    const std::int64_t live = rows.empty() ? 0 : rows.int8(0, 2);
    registry_.get(catalogue::stream_active_sessions).set(static_cast<double>(live));
    std::set<std::string> now;
    for (int row = 0; row < rows.size(); ++row) {
        std::string id = rows.uuid(row, 0).to_string();
        registry_.get(catalogue::stream_active_participants, {id})
            .set(static_cast<double>(rows.int8(row, 1)));
        now.insert(std::move(id));
    }
    for (const std::string& id : shown_) {
        if (!now.contains(id)) registry_.remove(catalogue::stream_active_participants, {id});
    }
    shown_ = std::move(now);
}

void SessionLease::forget() noexcept {
    registry_.get(catalogue::stream_active_sessions).set(0);
    for (const std::string& id : shown_)
        registry_.remove(catalogue::stream_active_participants, {id});
    shown_.clear();
}

}  // namespace subcults::api
