#include "quality/quality_service.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>

namespace subcults::api::quality {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds job_limit{60};
constexpr std::chrono::seconds soon_again{4};

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
      pool_(io.get_executor(), pool_options(options_)),
      collector_(io.get_executor(), pool_, rooms, options_.attributes, metrics, log) {}

void QualityService::start() {
    pool_.start();
}

void QualityService::stop() {
    {
        const std::lock_guard lock(gate_);
        closed_ = true;
    }
    pool_.stop();
}

jobs::Job QualityService::collection_job() {
    jobs::Job job;
    job.type = "quality_collection";
    job.schedule.interval = options_.interval;
    job.schedule.retry = soon_again;
    job.time_limit = job_limit;
    job.work = [this](jobs::Run& run) { return collector_.collect_all(run); };
    return job;
}

asio::awaitable<CollectResult> QualityService::collect(Uuid session, TraceContext trace) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto report =
        co_await async_collect(session, std::move(trace), std::move(executor), asio::use_awaitable);
    co_return report;
}

void QualityService::submit(Uuid session, TraceContext trace, asio::any_io_executor executor,
                            Done done) {
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
        io_, collector_.collect(session, std::move(trace)),
        [answer = std::move(answer)](std::exception_ptr failure, CollectResult report) mutable {
            if (failure) report = CollectFault::failed;
            answer(std::move(report));
        });
}

}  // namespace subcults::api::quality
