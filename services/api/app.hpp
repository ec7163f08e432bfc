// The API as a whole: everything it is made of, in the order it depends on each other.
#pragma once

#include "audit/audit_writer.hpp"
#include "audit/checkpointer.hpp"
#include "audit/privacy_keys.hpp"
#include "auth/auth_header.hpp"
#include "auth/stripe_signature.hpp"
#include "auth/token_cache.hpp"
#include "auth/webhook_signature.hpp"
#include "background/background_jobs.hpp"
#include "base/log.hpp"
#include "cache/cache_invalidation.hpp"
#include "config.hpp"
#include "http/edge.hpp"
#include "livekit/livekit_service.hpp"
#include "metrics/registry.hpp"
#include "net/server.hpp"
#include "net/workers.hpp"
#include "payments/payment_metrics.hpp"
#include "quality/quality_service.hpp"
#include "quality/report_writer.hpp"
#include "service/database_health.hpp"
#include "service/http_metrics.hpp"
#include "service/signals.hpp"
#include "streams/ledger.hpp"
#include "streams/session_lease.hpp"
#include "telemetry/telemetry_routes.hpp"
#include "worker_context.hpp"

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace subcults::api {

// Threads: workers (HTTP, reads), the ledger (writes), the writer of quality reports, and the
// thread that calls run() (signals, scrapes, health, jobs).
class App {
  public:
    App(const ApiConfig& config, Log& log);
    ~App();

    // Binds and starts. On failure returns a message for the operator.
    Result<void, std::string> start();
    // Serves until a signal asks to stop, then ends gracefully.
    void run();

    std::uint16_t port() const noexcept;
    // What is served: the same on every worker.
    const net::Router& router() const noexcept;

  private:
    // One worker thread with everything only it uses.
    struct WorkerUnit;

    void build_router(WorkerUnit& unit);
    void build_livekit();
    void build_quality();
    void build_jobs();
    void add_livekit_routes(WorkerUnit& unit);
    void add_payment_routes(WorkerUnit& unit);
    void add_quality_routes(WorkerUnit& unit);
    std::string_view livekit_state() const noexcept;
    void begin_shutdown(int signal);
    boost::asio::awaitable<void> shutdown();

    ApiConfig config_;
    Log& log_;
    metrics::Registry registry_;
    boost::asio::io_context admin_{1};
    auth::TokenVerifier token_verifier_;
    auth::InternalToken metrics_token_;
    auth::InternalToken internal_token_;
    StreamMetrics stream_metrics_;
    ClientErrorMetrics client_errors_;
    Edge edge_;
    service::DatabaseHealth health_;
    SessionLease session_lease_;
    AuditMetrics audit_metrics_;
    AuditWriter audit_writer_;
    Checkpointer checkpointer_;
    CacheStamps cache_stamps_;
    CacheInvalidation cache_invalidation_;
    std::atomic<bool> draining_{false};
    std::vector<std::unique_ptr<WorkerUnit>> workers_;
    std::unique_ptr<Ledger> ledger_;
    livekit::LiveKitMetrics livekit_metrics_;
    std::unique_ptr<auth::WebhookVerifier> livekit_webhooks_;  // null = no LiveKit configured
    std::unique_ptr<livekit::LiveKitService> livekit_;         // likewise
    payments::PaymentMetrics payment_metrics_;
    std::unique_ptr<auth::StripeVerifier> stripe_webhooks_;  // null = no secret configured
    quality::QualityMetrics quality_metrics_;
    net::Worker quality_thread_;
    quality::ReportWriter report_writer_;
    std::unique_ptr<quality::QualityService> quality_;
    std::unique_ptr<BackgroundJobs> jobs_;  // uses ledger and LiveKit
    std::unique_ptr<service::Signals> signals_;
};

}  // namespace subcults::api
