// Tells the other processes what this one has changed: after the commit, by NOTIFY on a connection
// of its own.
//
// In the transaction itself a NOTIFY would be cheaper by a round trip and dearer by far: PostgreSQL
// lets transactions that notify commit one after the other, each with its own wait for the disk.
// Here the commit of a notification waits for no disk, nobody waits for it, and what changes while
// one is under way goes together in the next.
//
// Not reliable, and need not be: receivers bound the age of what they keep. While the database is
// away, what is to be told is collected (in bounded memory) and told afterwards.
//
// Threading: note() from any thread, the rest from that of `io`. Cost of note(): a lock, and a post
// to the event loop if none is on its way.
#pragma once

#include "base/backoff.hpp"
#include "base/log.hpp"
#include "cache/changes.hpp"
#include "db/connection.hpp"
#include "jobs/alarm.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace subcults::api {

// What processes listen on.
inline constexpr const char* changes_channel = "subcults_cache";

struct AnnouncerOptions {
    std::string database_uri;  // a direct one: statements are prepared
    std::function<void(std::string_view statement, double seconds)> on_query = {};
    // Of an attempt that failed; it is repeated. Must not throw.
    std::function<void(const db::Error& error)> on_failed = {};
    // Between two notifications, so that a busy process sends few.
    std::chrono::milliseconds gap{10};
};

class ChangeAnnouncer {
  public:
    ChangeAnnouncer(boost::asio::io_context& io, AnnouncerOptions options, Log& log);
    ~ChangeAnnouncer();
    ChangeAnnouncer(const ChangeAnnouncer&) = delete;
    ChangeAnnouncer& operator=(const ChangeAnnouncer&) = delete;

    void start();
    // Nothing more is sent.
    void stop() noexcept;

    void note(const Changes& changes);
    // What messages of this process are marked with.
    const Uuid& origin() const noexcept;

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace subcults::api
