// Which replica does what only one should: it holds an advisory lock on a connection of its own.
// The lock ends with the connection, so a replica that dies or loses the database hands it over.
//
// Belongs to one single-threaded io_context. Work under the lease must bear a moment of two
// holders: one that is cut off from the database notices only at its next look.
#pragma once

#include "db/connection.hpp"

#include <boost/asio/awaitable.hpp>

#include <string>

namespace subcults::api::livekit {

class Lease {
  public:
    Lease(boost::asio::any_io_executor executor, std::string database_uri, std::int64_t key);

    // Looks after the lease, taking it if it is free: call every few seconds. True = it is ours.
    boost::asio::awaitable<bool> hold();
    // As of the last look.
    bool held() const noexcept { return held_; }
    void stop() noexcept;

  private:
    db::Connection connection_;
    std::int64_t key_;
    bool held_ = false;
};

}  // namespace subcults::api::livekit
