#include "app.hpp"

#include "jetstream/url.hpp"
#include "metrics/catalogue.hpp"
#include "metrics/process_metrics.hpp"
#include "service/db_metrics.hpp"
#include "service/guards.hpp"
#include "service/health_endpoints.hpp"
#include "service/job_endpoints.hpp"
#include "service/metrics_endpoint.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

namespace subcults::indexer {

namespace asio = boost::asio;

namespace {

QueueLimits queue_limits(const IndexerConfig& config) {
    QueueLimits limits;
    limits.pause_events = static_cast<std::size_t>(config.pause_at);
    limits.resume_events = static_cast<std::size_t>(config.resume_at);
    limits.pause_bytes = static_cast<std::size_t>(config.queue_bytes);
    limits.resume_bytes = limits.pause_bytes / 4;
    return limits;
}

std::vector<std::string> hosts_of(const std::vector<std::string>& urls) {
    std::vector<std::string> hosts;
    for (const std::string& url : urls)
        hosts.push_back(jetstream::host_key(url));
    return hosts;
}

WriterOptions writer_options(const IndexerConfig& config, metrics::Registry& registry) {
    WriterOptions options;
    options.connection.uri = config.database_direct_url;
    options.connection.on_query = service::query_observer(registry);
    options.hosts = hosts_of(config.jetstream_urls);
    options.lease.shard = jetstream::Shard::parse(config.shard).value();
    options.batch_events = static_cast<std::size_t>(config.batch_events);
    options.batch_wait = std::chrono::milliseconds(config.batch_ms);
    return options;
}

SourceOptions source_options(const IndexerConfig& config) {
    SourceOptions options;
    options.urls = config.jetstream_urls;
    options.collections = config.collections;
    options.rules.prefer_after = std::chrono::seconds(config.prefer_after_seconds);
    options.idle_timeout = std::chrono::seconds(config.idle_seconds);
    options.dictionary_file = config.zstd_dictionary;
    options.shard = jetstream::Shard::parse(config.shard).value();
    return options;
}

jobs::RunnerOptions runner_options(const IndexerConfig& config, metrics::Registry& registry) {
    jobs::RunnerOptions options;
    options.database_uri = config.database_direct_url;
    options.application_name = "subcults-indexer job leases";
    options.on_query = service::query_observer(registry);
    return options;
}

BackfillOptions backfill_options(const IndexerConfig& config, metrics::Registry& registry) {
    BackfillOptions options;
    options.database_uri = config.database_direct_url;
    options.on_query = service::query_observer(registry);
    options.urls = config.jetstream_urls;
    options.collections = config.collections;
    options.batch_events = static_cast<std::size_t>(config.batch_events);
    options.quiet = std::chrono::seconds(config.backfill_quiet_seconds);
    return options;
}

StatusOptions status_options(const IndexerConfig& config) {
    StatusOptions options;
    options.hosts = hosts_of(config.jetstream_urls);
    options.shard = config.shard;
    options.limits = queue_limits(config);
    return options;
}

asio::awaitable<net::Response> status_page(const Status& status) {
    net::Response response = net::json_response(200, status.json());
    response.headers.emplace_back("Cache-Control", "no-store");
    co_return response;
}

std::function<void(std::exception_ptr)> report_to(Log& log) {
    return [&log](std::exception_ptr failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& error) {
            log.error("handler threw", {{"what", error.what()}});
        }
    };
}

}  // namespace

App::App(const IndexerConfig& config, Log& log)
    : config_(config),
      log_(log),
      registry_(metrics::Scope::indexer),
      metrics_(registry_),
      queue_(queue_limits(config)),
      token_(config.internal_token, true),
      health_(admin_, config.database_url, "subcults-indexer health", log),
      status_(state_, queue_, metrics_, health_, status_options(config)),
      backfill_(admin_, backfill_options(config, registry_), log),
      jobs_(admin_, runner_options(config, registry_), registry_, log),
      reader_("reader", report_to(log)),
      writer_thread_("writer", report_to(log)) {
    metrics::add_process_metrics(registry_);
    source_ = std::make_unique<Source>(reader_.io(), source_options(config_), queue_, metrics_,
                                       state_, log_);
    writer_ = std::make_unique<Writer>(writer_thread_.io(), writer_options(config_, registry_),
                                       queue_, metrics_, state_, log_, writer_hooks());
    queue_.on_items([this] { writer_->wake(); });
    queue_.on_resume([this] { source_->resume(); });
    jobs_.add(metrics_.index_processing);
    jobs_.add(backfill_.job());
    expose_gauges();
    add_routes();
}

App::~App() = default;

WriterHooks App::writer_hooks() {
    WriterHooks hooks;
    hooks.on_positions = [this](StartPositions positions) { source_->start(std::move(positions)); };
    hooks.on_standby = [this] { source_->suspend(); };
    hooks.on_refused = [this](std::string reason) {
        log_.error("this process must not write", {{"reason", reason}});
        asio::post(admin_, [this] {
            refused_ = true;
            begin_shutdown();
        });
    };
    return hooks;
}

void App::expose_gauges() {
    namespace catalogue = metrics::catalogue;
    service::expose_health(registry_, health_);
    metrics::Gauge& lag = registry_.get(catalogue::indexer_processing_lag_seconds);
    metrics::Gauge& pending = registry_.get(catalogue::indexer_pending_messages);
    metrics::Gauge& bytes = registry_.get(catalogue::indexer_queue_bytes);
    metrics::Gauge& connected = registry_.get(catalogue::indexer_connected);
    metrics::Gauge& last_event = registry_.get(catalogue::indexer_last_event_time_seconds);
    metrics::Gauge& cursor = registry_.get(catalogue::indexer_cursor_time_seconds);
    metrics::Gauge& writing = registry_.get(catalogue::indexer_writing);
    metrics::Gauge& breaker = registry_.get(catalogue::indexer_quarantine_breaker_open);
    registry_.before_collect([&, this] {
        lag.set(status_.lag_seconds());
        pending.set(static_cast<double>(queue_.size()));
        bytes.set(static_cast<double>(queue_.bytes()));
        connected.set(state_.connected ? 1 : 0);
        const WriterPhase phase = state_.phase;
        writing.set(phase == WriterPhase::active || phase == WriterPhase::retrying ? 1 : 0);
        breaker.set(state_.breaker_open ? 1 : 0);
        last_event.set(static_cast<double>(state_.last_event_us) / 1e6);
        cursor.set(static_cast<double>(state_.cursor_us) / 1e6);
    });
}

void App::add_routes() {
    service::add_liveness(router_);
    service::add_readiness(router_, [this] { return status_.readiness(draining_); });
    net::RouteOptions internal;
    internal.guards = {service::token_guard(token_)};
    router_.add(net::Method::get, "/internal/indexer/metrics", internal,
                service::metrics_handler(registry_, admin_));
    router_.add(net::Method::get, "/internal/indexer/status", internal,
                [this](net::Request&) { return status_page(status_); });
    service::add_job_routes(router_, internal, jobs_, admin_);

    http_metrics_ = std::make_unique<service::HttpMetrics>(registry_, router_);
    net::ServerOptions options;
    options.listen = config_.listen;
    options.max_connections = 1000;
    net::ServerHooks hooks;
    hooks.on_request = [this](const net::RequestFacts& facts) { http_metrics_->observe(facts); };
    hooks.on_connection = [this](int delta) { http_metrics_->connection(delta); };
    server_ = std::make_unique<net::HttpServer>(admin_, router_, std::move(options),
                                                std::move(hooks), log_);
}

Result<void, std::string> App::start() {
    const auto listening = server_->listen(false);
    if (!listening) return listening.error();
    health_.start();
    reader_.start();
    writer_thread_.start();
    writer_->start();
    backfill_.start();
    jobs_.start();
    signals_ = std::make_unique<service::Signals>(admin_, [this](int signal) {
        log_.info("stopping", {{"signal", signal}, {"queued", queue_.size()}});
        begin_shutdown();
    });
    log_.info("listening", {{"host", config_.listen.host}, {"port", port()}});
    return {};
}

bool App::run() {
    for (;;) {
        try {
            admin_.run();
            break;
        } catch (const std::exception& error) {
            log_.error("admin handler threw", {{"what", error.what()}});
        }
    }
    reader_.release();
    writer_thread_.release();
    reader_.join();
    writer_thread_.join();
    log_.info("stopped");
    log_.flush();
    return !refused_;
}

// Reading ends first, then what is queued gets written, then the rest goes.
void App::begin_shutdown() {
    if (std::exchange(draining_, true)) return;
    const Deadline deadline = deadline_in(std::chrono::seconds(config_.shutdown_grace_seconds));
    asio::co_spawn(admin_, jobs_.stop(deadline), [this](std::exception_ptr failure) {
        if (failure) log_.error("the jobs did not stop");
        backfill_.stop();
    });
    source_->stop([this, deadline] {
        writer_->stop(deadline, [this] { asio::post(admin_, [this] { finish_shutdown(); }); });
    });
}

void App::finish_shutdown() {
    if (queue_.size() > 0) {
        log_.warn("stopping with events that are not written; they will be read again",
                  {{"queued", queue_.size()}});
    }
    signals_->cancel();
    health_.stop();
    server_->shutdown([] {});
}

}  // namespace subcults::indexer
