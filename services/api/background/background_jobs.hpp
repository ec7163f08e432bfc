// The API's background jobs, and what they work with. One object per process, on the admin thread.
//
//     trust_recompute        every 30 s, and at once when a scene is marked
//     stream_cleanup         every minute
//     stream_reconciliation  every LIVEKIT_RECONCILE_SECONDS, where LiveKit is configured
//     payment_processing     every half minute, and at once when Stripe has told of something
//     report_generation      every minute: whatever period is due
//
// Further ones are added where everything is put together, before start(): quality_collection.
#pragma once

#include "background/stream_cleanup.hpp"
#include "jobs/runner.hpp"
#include "livekit/livekit_service.hpp"
#include "payments/payment_processor.hpp"
#include "reports/report_roller.hpp"
#include "trust/trust_scores.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace subcults::api {

struct BackgroundOptions {
    std::string database_direct_uri;
    // Told of scenes whose trust has been computed.
    std::function<void(std::span<const Uuid>)> on_trust_computed = {};
    std::int64_t reconcile_seconds = 20;
    CleanupOptions cleanup;
    std::function<void(std::string_view statement, double seconds)> on_query;
};

class BackgroundJobs {
  public:
    // `livekit` is null where none is configured; it must outlive the jobs.
    BackgroundJobs(boost::asio::io_context& io, BackgroundOptions options,
                   livekit::LedgerDesk::Submit submit, livekit::LiveKitService* livekit,
                   metrics::Registry& registry, Log& log);

    // On the io_context's thread, once each. The ledger and LiveKit must answer until stop() has
    // ended, which is at `deadline` at the latest.
    void start();
    boost::asio::awaitable<void> stop(Deadline deadline);

    jobs::JobRunner& runner() noexcept { return runner_; }

  private:
    db::Pool pool_;  // for the work; the runner has its own
    livekit::LedgerDesk desk_;
    TrustRecompute trust_;
    StreamCleanup cleanup_;
    payments::PaymentMetrics payment_metrics_;
    payments::PaymentProcessor payments_;
    reports::ReportRoller reports_;
    jobs::JobRunner runner_;
};

}  // namespace subcults::api
