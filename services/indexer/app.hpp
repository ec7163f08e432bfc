// The indexer as a whole. Data flows one way: socket, decoder, queue, fold, writer.
#pragma once

#include "auth/auth_header.hpp"
#include "backfill/backfill.hpp"
#include "base/log.hpp"
#include "config.hpp"
#include "indexer_metrics.hpp"
#include "jobs/runner.hpp"
#include "metrics/registry.hpp"
#include "net/server.hpp"
#include "net/workers.hpp"
#include "queue/event_queue.hpp"
#include "service/database_health.hpp"
#include "service/http_metrics.hpp"
#include "service/signals.hpp"
#include "source/source.hpp"
#include "state.hpp"
#include "status.hpp"
#include "write/writer.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <string>

namespace subcults::indexer {

// Threads: reader (socket to queue), writer (queue to database), and the thread that calls run()
// (signals, HTTP, scrapes, health).
class App {
  public:
    App(const IndexerConfig& config, Log& log);
    ~App();

    Result<void, std::string> start();
    // Runs until a signal asks to stop, then writes what is queued and ends. False = it ended by
    // itself, because this process must not write; the log says why.
    bool run();
    std::uint16_t port() const noexcept { return server_->port(); }
    // What is served.
    const net::Router& router() const noexcept { return router_; }

  private:
    void add_routes();
    void expose_gauges();
    WriterHooks writer_hooks();
    void begin_shutdown();
    void finish_shutdown();

    IndexerConfig config_;
    Log& log_;
    metrics::Registry registry_;
    IndexerMetrics metrics_;
    IndexerState state_;
    EventQueue queue_;
    boost::asio::io_context admin_{1};
    auth::InternalToken token_;
    service::DatabaseHealth health_;
    Status status_;
    Backfill backfill_;
    jobs::JobRunner jobs_;
    net::Worker reader_;
    net::Worker writer_thread_;
    std::unique_ptr<Source> source_;
    std::unique_ptr<Writer> writer_;
    net::Router router_;
    std::unique_ptr<service::HttpMetrics> http_metrics_;
    std::unique_ptr<net::HttpServer> server_;
    std::unique_ptr<service::Signals> signals_;
    bool draining_ = false;
    bool refused_ = false;
};

}  // namespace subcults::indexer
