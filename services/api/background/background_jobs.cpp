#include "background/background_jobs.hpp"

#include "payments/stripe_inbox.hpp"

#include <utility>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds trust_interval{30};
constexpr std::chrono::seconds trust_limit{30};
constexpr std::chrono::seconds cleanup_interval{60};
constexpr std::chrono::seconds cleanup_limit{30};
// A call to LiveKit per room with somebody in it, one after the other; a round that never came to
// its end would never find who is gone from the newest rooms.
constexpr std::chrono::seconds reconcile_limit{300};
constexpr std::chrono::seconds payment_interval{30};
constexpr std::chrono::seconds payment_limit{30};
constexpr std::chrono::seconds report_interval{60};
constexpr std::chrono::seconds report_limit{30};
constexpr std::chrono::seconds soon_again{4};
constexpr std::chrono::seconds reconcile_head_start{2};

db::PoolOptions pool_options(const BackgroundOptions& options) {
    db::PoolOptions pool;
    pool.connection.uri = options.database_direct_uri;
    pool.connection.application_name = "subcults-api jobs";
    pool.connection.settings = trust_settings();
    // The jobs have limits of their own; this one is for what the server goes on with after them.
    pool.connection.settings.emplace_back("statement_timeout", "35s");
    for (auto& setting : jobs::fence_settings())
        pool.connection.settings.push_back(std::move(setting));
    for (const auto& list :
         {jobs::fence_statements(), TrustRecompute::statements(), StreamCleanup::statements(),
          payments::PaymentProcessor::statements(), reports::ReportRoller::statements()}) {
        pool.connection.statements.insert(pool.connection.statements.end(), list.begin(),
                                          list.end());
    }
    pool.connection.on_query = options.on_query;
    pool.size = 3;  // two long statements must not keep the others waiting
    return pool;
}

jobs::RunnerOptions runner_options(const BackgroundOptions& options) {
    jobs::RunnerOptions runner;
    runner.database_uri = options.database_direct_uri;
    runner.application_name = "subcults-api job leases";
    runner.on_query = options.on_query;
    return runner;
}

jobs::Job trust_job(TrustRecompute& trust) {
    jobs::Job job;
    job.type = "trust_recompute";
    job.schedule.interval = trust_interval;
    job.schedule.retry = soon_again;
    job.schedule.channel = "subcults_trust";
    job.time_limit = trust_limit;
    job.unexpected = jobs::ErrorType::recompute_error;
    job.work = [&trust](jobs::Run& run) { return trust.run(run); };
    return job;
}

jobs::Job cleanup_job(StreamCleanup& cleanup) {
    jobs::Job job;
    job.type = "stream_cleanup";
    job.schedule.interval = cleanup_interval;
    job.schedule.retry = soon_again;
    job.time_limit = cleanup_limit;
    job.work = [&cleanup](jobs::Run& run) { return cleanup.run(run); };
    return job;
}

jobs::Job payment_job(payments::PaymentProcessor& payments) {
    jobs::Job job;
    job.type = "payment_processing";
    job.schedule.interval = payment_interval;
    job.schedule.retry = soon_again;
    job.schedule.channel = payments::inbox_channel;
    job.time_limit = payment_limit;
    job.work = [&payments](jobs::Run& run) { return payments.run(run); };
    return job;
}

jobs::Job report_job(reports::ReportRoller& reports) {
    jobs::Job job;
    job.type = "report_generation";
    job.schedule.interval = report_interval;
    job.schedule.retry = soon_again;
    job.time_limit = report_limit;
    job.work = [&reports](jobs::Run& run) { return reports.run(run); };
    return job;
}

// Who is missing is taken for gone when missing twice in a row, which one process remembers.
jobs::Job reconciliation_job(livekit::LiveKitService& livekit, std::int64_t seconds) {
    jobs::Job job;
    job.type = "stream_reconciliation";
    job.schedule.interval = std::chrono::seconds(seconds);
    job.schedule.retry = soon_again;
    job.schedule.head_start = reconcile_head_start;
    job.time_limit = reconcile_limit;
    job.unexpected = jobs::ErrorType::network_error;
    job.work = [&livekit](jobs::Run& run) { return livekit.reconcile(run); };
    return job;
}

}  // namespace

BackgroundJobs::BackgroundJobs(asio::io_context& io, BackgroundOptions options,
                               livekit::LedgerDesk::Submit submit, livekit::LiveKitService* livekit,
                               metrics::Registry& registry, Log& log)
    : pool_(io.get_executor(), pool_options(options)),
      desk_(io.get_executor(), std::move(submit)),
      trust_(pool_, log, options.on_trust_computed),
      cleanup_(pool_, desk_, options.cleanup, log),
      payment_metrics_(registry),
      payments_(pool_, payment_metrics_, log),
      reports_(pool_, log),
      runner_(io, runner_options(options), registry, log) {
    runner_.add(trust_job(trust_));
    runner_.add(cleanup_job(cleanup_));
    runner_.add(payment_job(payments_));
    runner_.add(report_job(reports_));
    if (livekit != nullptr) runner_.add(reconciliation_job(*livekit, options.reconcile_seconds));
}

void BackgroundJobs::start() {
    pool_.start();
    runner_.start();
}

asio::awaitable<void> BackgroundJobs::stop(Deadline deadline) {
    co_await runner_.stop(deadline);
    pool_.stop();
}

}  // namespace subcults::api
