// Computes the analytics of sessions that have ended within the last day and have none: whoever
// ended them went away, or the database did.
//
// One session per statement, those that ended first before the others. A session whose statement
// fails or takes too long is left alone for a while, twice as long after each failure, so that one
// huge crowd keeps nobody else waiting.
//
// Threading: that of the connection. Errors are logged, and tried again by a later turn.
#pragma once

#include "base/log.hpp"
#include "base/time.hpp"
#include "base/uuid.hpp"
#include "db/connection.hpp"

#include <boost/asio/awaitable.hpp>

#include <map>
#include <vector>

namespace subcults::api {

// Which sessions have failed, and until when they are left alone. Pure; no clock of its own.
class FailedSessions {
  public:
    void failed(const Uuid& session, Deadline now);
    void succeeded(const Uuid& session) { failures_.erase(session); }
    // Those to be left alone now. Forgets what nobody will ask for any more.
    std::vector<Uuid> resting(Deadline now);

  private:
    struct Failure {
        std::chrono::seconds pause{};
        Deadline since{};
        Deadline until{};
    };
    std::map<Uuid, Failure> failures_;
};

class MissingAnalytics {
  public:
    explicit MissingAnalytics(Log& log) : log_(log) {}

    // Works for some seconds at most. The connection needs a statement_timeout below
    // `statement_limit`, so that a statement that takes too long does not cost it.
    boost::asio::awaitable<void> turn(db::Connection& connection);

    static constexpr std::chrono::seconds statement_limit{6};
    // The statements that the connection must have prepared.
    static std::vector<db::Statement> statements();

  private:
    Log& log_;
    FailedSessions failed_;
};

}  // namespace subcults::api
