// What only one replica does for all of them: the gauges that are read from the database, so that
// N replicas do not count N-fold; and what is left to do about sessions that have ended.
//
// The lease is an advisory lock, held for as long as the connection that took it; another replica
// gets it within some seconds after that ends. Whoever does not hold it exports no participants
// and 0 sessions. Every five seconds the holder reads the gauges and computes analytics that are
// missing.
//
// Threading: belongs to one single-threaded io_context. Errors are retried at the next turn.
#pragma once

#include "analytics/missing_analytics.hpp"
#include "base/log.hpp"
#include "db/connection.hpp"
#include "metrics/registry.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <set>
#include <string>

namespace subcults::api {

class SessionLease {
  public:
    SessionLease(boost::asio::io_context& io, std::string database_uri, metrics::Registry& registry,
                 Log& log);
    void start();
    // On the io_context's thread.
    void stop() noexcept;

  private:
    boost::asio::awaitable<void> run();
    // False when the database failed: the lease may be lost, so the connection is dropped.
    boost::asio::awaitable<bool> turn();
    boost::asio::awaitable<bool> acquire();
    boost::asio::awaitable<bool> read_gauges();
    void show(const db::Rows& rows);
    void forget() noexcept;
    void failed(const db::Error& error);

    boost::asio::io_context& io_;
    metrics::Registry& registry_;
    Log& log_;
    db::Connection connection_;
    boost::asio::steady_timer timer_;
    MissingAnalytics analytics_;
    std::set<std::string> shown_;  // sessions whose participants are exported
    bool holding_ = false;
    bool failing_ = false;
    bool stopping_ = false;
};

}  // namespace subcults::api
