#include "app.hpp"

#include "audit/audit_queries.hpp"
#include "audit/audit_routes.hpp"
#include "cache/scene_owner.hpp"
#include "http/auth_guard.hpp"
#include "livekit/inbox.hpp"
#include "livekit/token_routes.hpp"
#include "livekit/webhook_routes.hpp"
#include "metrics/catalogue.hpp"
#include "metrics/process_metrics.hpp"
#include "payments/stripe_inbox.hpp"
#include "payments/webhook_routes.hpp"
#include "quality/quality_queries.hpp"
#include "quality/quality_routes.hpp"
#include "reports/report_queries.hpp"
#include "reports/report_routes.hpp"
#include "service/db_metrics.hpp"
#include "service/guards.hpp"
#include "service/health_endpoints.hpp"
#include "service/job_endpoints.hpp"
#include "service/metrics_endpoint.hpp"
#include "streams/stream_queries.hpp"
#include "streams/stream_routes.hpp"
#include "trust/trust_routes.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <thread>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

// How long background jobs may take to give their leases back.
constexpr std::chrono::seconds jobs_grace{2};

std::vector<std::string> token_secrets(const ApiConfig& config) {
    std::vector<std::string> secrets{config.jwt_current.reveal()};
    if (config.jwt_previous) secrets.push_back(config.jwt_previous.reveal());
    return secrets;
}

AuditWriterOptions audit_options(const ApiConfig& config, metrics::Registry& registry) {
    AuditWriterOptions options;
    options.database_uri = config.database_direct_url;
    options.privacy_secrets = privacy_secrets(config);
    options.on_query = service::query_observer(registry);
    return options;
}

CheckpointerOptions checkpoint_options(const ApiConfig& config) {
    CheckpointerOptions options;
    options.database_uri = config.database_direct_url;
    options.privacy_secrets = privacy_secrets(config);
    options.file = config.checkpoint_file;
    options.interval = std::chrono::seconds(config.checkpoint_seconds);
    return options;
}

db::PoolOptions pool_options(const ApiConfig& config, metrics::Registry& registry) {
    db::PoolOptions options;
    options.connection.uri = config.database_url;
    options.connection.application_name = "subcults-api";
    options.connection.settings = {{"statement_timeout", "5s"}, {"jit", "off"}};
    options.connection.statements = stream_query_statements();
    for (const db::Statement& statement : livekit::put_statements())
        options.connection.statements.push_back(statement);
    for (const db::Statement& statement : audit_statements())
        options.connection.statements.push_back(statement);
    for (const db::Statement& statement : quality::quality_query_statements())
        options.connection.statements.push_back(statement);
    for (const db::Statement& statement : trust_query_statements())
        options.connection.statements.push_back(statement);
    for (const db::Statement& statement : payments::put_statements())
        options.connection.statements.push_back(statement);
    for (const db::Statement& statement : reports::report_query_statements())
        options.connection.statements.push_back(statement);
    options.connection.statements.push_back(scene_owner_statement());
    options.connection.on_query = service::query_observer(registry);
    options.size = static_cast<std::size_t>(config.pool_size);
    return options;
}

quality::ReportWriterOptions report_options(const ApiConfig& config, metrics::Registry& registry) {
    quality::ReportWriterOptions options;
    options.database_uri = config.database_direct_url;
    options.on_query = service::query_observer(registry);
    return options;
}

CacheLimits cache_limits(const ApiConfig& config) {
    CacheLimits limits;
    limits.max_age = std::chrono::milliseconds(config.cache_max_age_ms);
    limits.capacity = static_cast<std::size_t>(config.cache_entries);
    return limits;
}

InvalidationOptions invalidation_options(const ApiConfig& config, metrics::Registry& registry) {
    InvalidationOptions options;
    options.database_uri = config.database_direct_url;
    options.on_query = service::query_observer(registry);
    options.enabled = cache_limits(config).enabled();
    return options;
}

std::size_t worker_count(const ApiConfig& config) {
    if (config.threads > 0) return static_cast<std::size_t>(config.threads);
    return std::max(1U, std::thread::hardware_concurrency());
}

void log_exception(Log& log, const char* event, std::exception_ptr failure) {
    if (!failure) return;
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        log.error(event, {{"what", error.what()}});
    }
}

}  // namespace

struct App::WorkerUnit {
    WorkerUnit(std::size_t position, const ApiConfig& config, App& app)
        : index(position),
          thread("api-" + std::to_string(position),
                 [&app](std::exception_ptr failure) {
                     log_exception(app.log_, "handler threw", failure);
                 }),
          pool(thread.io().get_executor(), pool_options(config, app.registry_)),
          keys(privacy_secrets(config)),
          tokens(app.token_verifier_),
          cache(thread.io().get_executor(), pool, cache_limits(config), app.cache_stamps_,
                app.registry_) {
        if (!config.livekit.configured()) return;
        livekit_signer = std::make_unique<auth::LiveKitSigner>(config.livekit.api_key,
                                                               config.livekit.api_secret);
    }

    std::size_t index;
    net::Worker thread;
    db::Pool pool;
    PrivacyKeys keys;
    auth::TokenCache tokens;
    ReadCache cache;
    std::unique_ptr<auth::LiveKitSigner> livekit_signer;  // null = no LiveKit configured
    std::unique_ptr<WorkerContext> context;
    net::Router router;
    std::unique_ptr<service::HttpMetrics> http_metrics;
    std::unique_ptr<net::HttpServer> server;
};

App::App(const ApiConfig& config, Log& log)
    : config_(config),
      log_(log),
      registry_(metrics::Scope::api),
      token_verifier_(token_secrets(config)),
      metrics_token_(config.metrics_token, false),
      internal_token_(config.internal_token, true),
      stream_metrics_(StreamMetrics::make(registry_)),
      client_errors_(registry_),
      edge_(config.edge, registry_),
      health_(admin_, config.database_url, "subcults-api health", log),
      session_lease_(admin_, config.database_direct_url, registry_, log),
      audit_metrics_(AuditMetrics::make(registry_)),
      audit_writer_(admin_, audit_options(config, registry_), audit_metrics_, log),
      checkpointer_(admin_, checkpoint_options(config), audit_metrics_, log),
      cache_invalidation_(admin_, invalidation_options(config, registry_), cache_stamps_, registry_,
                          log),
      livekit_metrics_(registry_),
      payment_metrics_(registry_),
      quality_metrics_(quality::QualityMetrics::make(registry_)),
      quality_thread_("quality",
                      [this](std::exception_ptr failure) {
                          log_exception(log_, "quality handler threw", failure);
                      }),
      report_writer_(quality_thread_.io(), report_options(config, registry_), log) {
    metrics::add_process_metrics(registry_);
    for (std::size_t i = 0; i < worker_count(config); ++i) {
        workers_.push_back(std::make_unique<WorkerUnit>(i, config_, *this));
    }
    LedgerOptions ledger;
    ledger.database_uri = config.database_direct_url;
    ledger.privacy_secrets = privacy_secrets(config);
    ledger.lanes = static_cast<std::size_t>(config.ledger_lanes);
    ledger.livekit = config.livekit.configured();
    ledger.on_changed = [this](std::span<const Uuid> sessions) {
        cache_invalidation_.sessions_changed(sessions);
    };
    std::vector<asio::any_io_executor> executors;
    for (auto& worker : workers_)
        executors.emplace_back(worker->thread.io().get_executor());
    executors.emplace_back(admin_.get_executor());  // for what LiveKit reports
    ledger_ = std::make_unique<Ledger>(
        std::move(ledger), std::move(executors),
        LedgerMetrics::make(registry_, service::query_observer(registry_)), log_);
    build_livekit();
    if (config_.stripe_webhook_secret) {
        stripe_webhooks_ = std::make_unique<auth::StripeVerifier>(config_.stripe_webhook_secret);
    }
    build_quality();
    build_jobs();
    for (auto& worker : workers_)
        build_router(*worker);

    std::vector<const db::Pool*> pools;
    for (const auto& worker : workers_)
        pools.push_back(&worker->pool);
    service::expose_pools(registry_, std::move(pools));
    service::expose_health(registry_, health_);
    metrics::Gauge& queued = registry_.get(metrics::catalogue::ledger_queue_commands);
    registry_.before_collect(
        [this, &queued] { queued.set(static_cast<double>(ledger_->queued())); });
    registry_.before_collect(
        [this] { quality_metrics_.queued.set(static_cast<double>(report_writer_.queued())); });
}

App::~App() = default;

void App::build_livekit() {
    if (!config_.livekit.configured()) return;
    livekit_webhooks_ = std::make_unique<auth::WebhookVerifier>(config_.livekit.api_key,
                                                                config_.livekit.api_secret);
    livekit::ServiceOptions options;
    options.livekit = config_.livekit;
    options.database_uri = config_.database_url;
    options.database_direct_uri = config_.database_direct_url;
    options.on_query = service::query_observer(registry_);
    // The ledger answers the admin thread as if it were one more worker.
    auto submit = [this](Command command, std::function<void(Outcome)> done) {
        ledger_->async_submit(std::move(command), workers_.size(), std::move(done));
    };
    livekit_ = std::make_unique<livekit::LiveKitService>(admin_, std::move(options),
                                                         std::move(submit), livekit_metrics_, log_);
}

void App::build_quality() {
    quality::ServiceOptions options;
    options.database_uri = config_.database_url;
    options.interval = std::chrono::seconds(config_.quality_interval_seconds);
    options.attributes = config_.quality_attributes;
    options.on_query = service::query_observer(registry_);
    livekit::RoomService* rooms = livekit_ ? &livekit_->rooms() : nullptr;
    quality_ = std::make_unique<quality::QualityService>(admin_, std::move(options), rooms,
                                                         quality_metrics_, log_);
}

void App::build_jobs() {
    BackgroundOptions options;
    options.database_direct_uri = config_.database_direct_url;
    options.reconcile_seconds = config_.livekit.reconcile_seconds;
    options.cleanup.empty_grace = std::chrono::seconds(config_.livekit.empty_grace_seconds);
    options.cleanup.quality_retention_days = config_.quality_retention_days;
    options.cleanup.presence_known = [this] {
        return !livekit_ || livekit_->state() == livekit::RoomService::State::reachable;
    };
    options.on_query = service::query_observer(registry_);
    options.on_trust_computed = [this](std::span<const Uuid> scenes) {
        cache_invalidation_.trust_changed(scenes);
    };
    auto submit = [this](Command command, std::function<void(Outcome)> done) {
        ledger_->async_submit(std::move(command), workers_.size(), std::move(done));
    };
    jobs_ = std::make_unique<BackgroundJobs>(admin_, std::move(options), std::move(submit),
                                             livekit_.get(), registry_, log_);
    jobs_->runner().add(quality_->collection_job());
    if (cache_limits(config_).enabled()) jobs_->runner().add(cache_invalidation_.job());
}

void App::add_quality_routes(WorkerUnit& unit) {
    quality::QualityContext context{*unit.context, report_writer_, *quality_, quality_metrics_};
    quality::add_quality_routes(unit.router, user_guard(unit.tokens), context);
}

void App::add_livekit_routes(WorkerUnit& unit) {
    livekit::TokenContext tokens{*unit.context, unit.livekit_signer.get(), {}};
    tokens.ttl_seconds = config_.livekit.token_ttl_seconds;
    tokens.host_attributes = config_.quality_attributes;
    if (livekit_) tokens.url = livekit::client_url(*net::WsUrl::parse(config_.livekit.url));
    livekit::add_token_route(unit.router, user_guard(unit.tokens), std::move(tokens));
    livekit::WebhookContext webhooks{unit.pool, livekit_webhooks_.get(), livekit_metrics_,
                                     [this] { livekit_->wake_inbox(); }, log_};
    livekit::add_webhook_route(unit.router, std::move(webhooks));
}

void App::add_payment_routes(WorkerUnit& unit) {
    payments::WebhookContext webhooks{unit.pool, stripe_webhooks_.get(), payment_metrics_, log_};
    payments::add_webhook_route(unit.router, webhooks);
}

std::string_view App::livekit_state() const noexcept {
    return livekit_ ? to_string(livekit_->state()) : "not_configured";
}

void App::build_router(WorkerUnit& unit) {
    unit.context = std::make_unique<WorkerContext>(
        WorkerContext{unit.index, unit.pool, unit.keys, *ledger_, audit_writer_, stream_metrics_,
                      unit.cache, log_});
    service::add_liveness(unit.router);
    service::add_readiness(unit.router, [this] {
        const service::DatabaseState database = health_.state();
        service::Readiness readiness;
        readiness.ready = database == service::DatabaseState::ready && !draining_;
        readiness.checks.push_back({"db", std::string(service::to_string(database))});
        // For whoever looks: without LiveKit nobody is heard, but sessions go on.
        readiness.checks.push_back({"livekit", std::string(livekit_state())});
        readiness.checks.push_back({"draining", draining_ ? "true" : "false", true});
        return readiness;
    });
    net::RouteOptions scrape;
    scrape.guards = {service::token_guard(metrics_token_)};
    unit.router.add(net::Method::get, "/metrics", std::move(scrape),
                    service::metrics_handler(registry_, admin_));
    add_stream_routes(unit.router, user_guard(unit.tokens), *unit.context);
    add_audit_routes(unit.router, user_guard(unit.tokens), *unit.context);
    add_livekit_routes(unit);
    add_payment_routes(unit);
    add_quality_routes(unit);
    add_telemetry_routes(unit.router, user_guard(unit.tokens), client_errors_);
    add_trust_route(unit.router, *unit.context);
    reports::add_report_route(unit.router, user_guard(unit.tokens), *unit.context);
    net::RouteOptions internal;
    internal.guards = {service::token_guard(internal_token_)};
    service::add_job_routes(unit.router, std::move(internal), jobs_->runner(), admin_);
    edge_.protect(unit.router);

    unit.http_metrics = std::make_unique<service::HttpMetrics>(registry_, unit.router);
    net::ServerOptions options;
    options.listen = config_.listen;
    edge_.configure(options);
    net::ServerHooks hooks;
    edge_.install(hooks);
    // Refusals come by the thousand exactly when there is no time to write lines about them.
    auto refusals = std::make_shared<LogLimit>(std::chrono::seconds(1));
    hooks.on_request = [this, refusals,
                        http = unit.http_metrics.get()](const net::RequestFacts& facts) {
        http->observe(facts);
        const bool every_line = log_.enabled(LogLevel::debug);
        std::uint64_t held_back = 0;
        if (facts.status < 500 && !every_line) return;
        if (facts.status == 503 && !every_line && !refusals->allow(held_back)) return;
        log_.line(facts.status >= 500 ? LogLevel::warn : LogLevel::debug, "request",
                  {{"method", net::to_string(facts.method)},
                   {"route", facts.route != nullptr ? facts.route->pattern : "other"},
                   {"status", facts.status},
                   {"seconds", facts.seconds},
                   {"bytes", facts.response_bytes},
                   {"held_back", held_back},
                   {"request_id", facts.request_id},
                   {"trace_id", facts.trace.trace_text()},
                   {"span_id", facts.trace.span_text()}});
    };
    hooks.on_connection = [http = unit.http_metrics.get()](int delta) { http->connection(delta); };
    unit.server = std::make_unique<net::HttpServer>(unit.thread.io(), unit.router,
                                                    std::move(options), std::move(hooks), log_);
}

Result<void, std::string> App::start() {
    const bool several = workers_.size() > 1;
    for (auto& worker : workers_) {
        const auto listening = worker->server->listen(several);
        if (!listening) return listening.error();
    }
    ledger_->start();
    health_.start();
    session_lease_.start();
    audit_writer_.start();
    checkpointer_.start();
    cache_invalidation_.start();
    if (livekit_) livekit_->start();
    quality_->start();
    report_writer_.start();
    quality_thread_.start();
    jobs_->start();
    for (auto& worker : workers_) {
        worker->pool.start();
        worker->thread.start();
    }
    signals_ =
        std::make_unique<service::Signals>(admin_, [this](int signal) { begin_shutdown(signal); });
    log_.info("listening",
              {{"host", config_.listen.host}, {"port", port()}, {"workers", workers_.size()}});
    return {};
}

std::uint16_t App::port() const noexcept {
    return workers_.front()->server->port();
}

const net::Router& App::router() const noexcept {
    return workers_.front()->router;
}

void App::run() {
    for (;;) {
        try {
            admin_.run();
            break;
        } catch (const std::exception& error) {
            log_.error("admin handler threw", {{"what", error.what()}});
        }
    }
    // Only after the servers have ended: no request is waiting for the ledger any more.
    ledger_->stop();
    asio::post(quality_thread_.io(), [this] { report_writer_.stop(); });
    quality_thread_.release();
    quality_thread_.join();
    for (auto& worker : workers_) {
        asio::post(worker->thread.io(), [unit = worker.get()] { unit->pool.stop(); });
        worker->thread.release();
    }
    for (auto& worker : workers_)
        worker->thread.join();
    log_.info("stopped");
    log_.flush();
}

void App::begin_shutdown(int signal) {
    log_.info("stopping", {{"signal", signal}});
    draining_ = true;
    asio::co_spawn(admin_, shutdown(), [this](std::exception_ptr failure) {
        log_exception(log_, "shutdown failed", failure);
        signals_->cancel();
        health_.stop();
        session_lease_.stop();
        audit_writer_.stop();
        checkpointer_.stop();
        cache_invalidation_.stop();
        quality_->stop();
        if (livekit_) livekit_->stop();
    });
}

asio::awaitable<void> App::shutdown() {
    // First of all, so that another replica goes on with them while this one still serves.
    const std::chrono::seconds grace(config_.shutdown_grace_seconds);
    const Deadline jobs_until = deadline_in(std::min(grace, jobs_grace));
    co_await jobs_->stop(jobs_until);
    // Shared: the word of the last server may come when nobody waits for it any more.
    struct Closing {
        Closing(asio::io_context& io, std::size_t servers) : open(servers), timer(io) {}
        std::atomic<std::size_t> open;
        asio::steady_timer timer;
    };
    auto closing = std::make_shared<Closing>(admin_, workers_.size());
    closing->timer.expires_after(std::chrono::seconds(config_.shutdown_delay_seconds));
    co_await closing->timer.async_wait(asio::as_tuple(asio::use_awaitable));

    // Before the servers are told: the first word may come at once.
    closing->timer.expires_after(std::chrono::seconds(config_.shutdown_grace_seconds));
    for (auto& worker : workers_) {
        auto done = [this, closing] {
            if (--closing->open == 0) asio::post(admin_, [closing] { closing->timer.cancel(); });
        };
        asio::post(worker->thread.io(),
                   [unit = worker.get(), done = std::move(done)] { unit->server->shutdown(done); });
    }
    while (closing->open > 0) {
        const auto waited = co_await closing->timer.async_wait(asio::as_tuple(asio::use_awaitable));
        if (!std::get<0>(waited)) break;  // the grace is over
    }
    if (closing->open > 0) log_.warn("closing connections that outlived the grace period");
    for (auto& worker : workers_) {
        asio::post(worker->thread.io(), [unit = worker.get()] { unit->server->abort(); });
    }
}

}  // namespace subcults::api
