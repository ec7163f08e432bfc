#include "quality/quality_service.hpp"

#include "quality/partitions.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>

namespace subcults::api::quality {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t lease_key = 0x7175'616c'6974'79;  // "quality"
constexpr std::chrono::milliseconds lease_interval{2000};
constexpr std::chrono::minutes maintain_interval{10};
constexpr std::chrono::seconds retry_interval{5};
constexpr std::chrono::seconds maintain_limit{30};

db::PoolOptions pool_options(const ServiceOptions& options) {
    db::PoolOptions pool;
    pool.connection.uri = options.database_uri;
    pool.connection.application_name = "subcults-api quality";
    // A plan made while the tables are empty must not become a scan when they are not.
    pool.connection.settings = {{"plan_cache_mode", "force_generic_plan"},
                                {"enable_seqscan", "off"},
                                {"enable_bitmapscan", "off"},
                                {"statement_timeout", "8s"},
                                {"lock_timeout", "3s"},
                                {"idle_in_transaction_session_timeout", "5s"},
                                {"jit", "off"}};
    pool.connection.statements = Collector::statements();
    pool.connection.on_query = options.on_query;
    pool.size = 4;
    return pool;
}

}  // namespace

QualityService::QualityService(asio::io_context& io, ServiceOptions options,
                               livekit::RoomService* rooms, QualityMetrics metrics, Log& log)
    : io_(io),
      options_(std::move(options)),
      log_(log),
      pool_(io.get_executor(), pool_options(options_)),
      collector_(io.get_executor(), pool_, rooms, options_.attributes, metrics, log),
      lease_(io.get_executor(), options_.database_direct_uri, lease_key),
      alarm_(io.get_executor()) {}

void QualityService::start() {
    pool_.start();
    asio::co_spawn(io_, run(), [this](std::exception_ptr failure) {
        if (failure) log_.error("quality service ended");
    });
}

void QualityService::stop() {
    stopping_ = true;
    {
        const std::lock_guard lock(gate_);
        closed_ = true;
    }
    lease_.stop();
    pool_.stop();
    alarm_.ring();
}

asio::awaitable<CollectResult> QualityService::collect(Uuid session) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto report = co_await async_collect(session, std::move(executor), asio::use_awaitable);
    co_return report;
}

void QualityService::submit(Uuid session, asio::any_io_executor executor, Done done) {
    // Answers through the asker's own loop: it may still be inside its initiating call.
    auto answer = [executor, done = std::move(done)](CollectResult report) mutable {
        asio::post(executor, [done = std::move(done), report = std::move(report)]() mutable {
            std::move(done)(std::move(report));
        });
    };
    const std::lock_guard lock(gate_);
    if (closed_) {
        answer(CollectFault::unavailable);
        return;
    }
    // Under the lock: the loop that is to run this cannot have ended.
    asio::co_spawn(
        io_, collector_.collect(session),
        [answer = std::move(answer)](std::exception_ptr failure, CollectResult report) mutable {
            if (failure) report = CollectFault::failed;
            answer(std::move(report));
        });
}

// What escapes a turn is a bug or a lack of memory; neither may end the loop.
asio::awaitable<void> QualityService::run() {
    while (!stopping_) {
        try {
            co_await turn();
        } catch (const std::exception& error) {
            log_.error("quality service threw", {{"what", error.what()}});
        }
        if (stopping_) co_return;
        std::chrono::milliseconds pause = lease_interval;
        if (lease_.held() && options_.interval.count() > 0) {
            const auto left =
                std::chrono::ceil<std::chrono::milliseconds>(collect_due_ - SteadyClock::now());
            pause = std::clamp(left, std::chrono::milliseconds(1), lease_interval);
        }
        co_await alarm_.nap(pause);
    }
}

asio::awaitable<void> QualityService::turn() {
    const bool before = lease_.held();
    const bool held = co_await lease_.hold();
    if (held != before) log_.info(held ? "quality lease taken" : "quality lease lost");
    if (!held || stopping_) co_return;

    if (SteadyClock::now() >= maintain_due_) {
        const bool done = co_await maintain();
        maintain_due_ = SteadyClock::now();
        maintain_due_ += done ? SteadyClock::duration(maintain_interval) : retry_interval;
    }
    if (stopping_ || options_.interval.count() == 0) co_return;
    const auto now = SteadyClock::now();
    if (now < collect_due_) co_return;
    // At a steady pace; rounds that were missed are not made up for.
    collect_due_ = std::max(collect_due_ + options_.interval, now);
    if (collect_due_ == now) collect_due_ = now + options_.interval;
    const bool complete = co_await collector_.collect_all();
    if (!complete && !stopping_) log_.warn("a round of quality collection was incomplete");
}

asio::awaitable<bool> QualityService::maintain() {
    auto deadline = deadline_in(maintain_limit);
    auto lease = co_await pool_.acquire(deadline);
    if (!lease) co_return false;
    db::Connection& connection = **lease;
    const UnixMicros now = now_micros();
    auto made = co_await add_partitions(connection, now, deadline);
    if (!made) {
        if (!stopping_) {
            log_.warn("partitions could not be made", {{"error", db::describe(made.error())}});
        }
        co_return false;
    }
    auto dropped = co_await drop_partitions(connection, now, options_.retention_days, deadline);
    if (!dropped) {
        if (!stopping_) {
            log_.warn("a partition could not be dropped yet",
                      {{"error", db::describe(dropped.error())}});
        }
        co_return false;
    }
    if (*made > 0 || *dropped > 0) {
        log_.info("quality partitions", {{"made", *made}, {"dropped", *dropped}});
    }
    const bool purged = co_await collector_.purge();
    co_return purged;
}

}  // namespace subcults::api::quality
