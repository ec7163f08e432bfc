// Is the database there, and is its schema one that this binary can work with? Asked once a second
// on the admin thread, on a connection of its own; readiness probes read the last answer.
#pragma once

#include "base/log.hpp"
#include "db/connection.hpp"
#include "schema/schema.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <string>

namespace subcults::service {

enum class DatabaseState { unknown, ready, unreachable, behind, incompatible };
std::string_view to_string(DatabaseState state) noexcept;

class DatabaseHealth {
  public:
    DatabaseHealth(boost::asio::io_context& io, std::string database_uri,
                   std::string application_name, Log& log);
    void start();
    // On the admin thread.
    void stop() noexcept;

    // Safe from any thread. An answer older than five seconds counts as unreachable: the thread
    // that asks may be stuck itself.
    DatabaseState state() const noexcept;

  private:
    boost::asio::awaitable<void> run();
    boost::asio::awaitable<DatabaseState> ask();
    void publish(DatabaseState state);

    boost::asio::io_context& io_;
    Log& log_;
    db::Connection connection_;
    boost::asio::steady_timer timer_;
    bool stopping_ = false;
    std::atomic<DatabaseState> state_{DatabaseState::unknown};
    std::atomic<std::int64_t> asked_ns_{0};
};

}  // namespace subcults::service
