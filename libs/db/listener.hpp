// LISTEN on a connection of its own that reconnects by itself, with backoff, for as long as it
// runs.
//
// PostgreSQL does not keep notifications for a listener that is away: `on_connected` is called
// after each (re)connection, so that the owner can assume that everything has changed. A half-open
// link loses notifications silently, so never base correctness on them; they only make it quick.
// A quiet connection is asked for a sign of life every 30 s.
//
// Threading: belongs to one single-threaded io_context; the callbacks run on its thread, must not
// throw and may call stop() or destroy the listener.
#pragma once

#include "base/backoff.hpp"
#include "db/connection.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace subcults::db {

struct ListenerOptions {
    ConnectionOptions connection;
    std::vector<std::string> channels;
    BackoffPolicy backoff;
    std::function<void(const Notification&)> on_notification;
    std::function<void()> on_connected;
};

class Listener {
  public:
    Listener(boost::asio::any_io_executor executor, ListenerOptions options);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    // Starts connecting and returns at once; at most once.
    void start();
    // No callback is called after this.
    void stop() noexcept;

    bool connected() const noexcept;

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace subcults::db
