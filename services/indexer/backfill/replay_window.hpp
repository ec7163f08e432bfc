// Which of a replay belongs to a backfill, where to go on, and when it is over.
//
// Records count from one end of the window to the other. What becomes of accounts counts on, up to
// the moment at which the last record was written: an account that was unknown here until then may
// have been deleted since, which the live stream had no reason to remember.
//
// A server replays from a cursor on and then goes on live, so nobody says "that was all". Events
// later than the window are the sign of it; where there are none (a quiet server), silence is, but
// not the first one: a server may pause in the middle of a replay. A connection that delivers again
// what is known, nothing later, and then falls silent has nothing more; one that delivers nothing
// at all has to do so twice.
//
// Sans I/O: stamps go in, decisions come out. Plain value, not thread-safe.
#pragma once

#include "jetstream/cursor.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace subcults::indexer {

class ReplayWindow {
  public:
    enum class Place : std::uint8_t { outside, accounts, inside };

    // Servers reorder a little: the end is only believed in when it is so far behind.
    static constexpr std::chrono::microseconds disorder = std::chrono::seconds(2);
    // By so much our clock and a server's stamps may disagree.
    static constexpr std::chrono::microseconds clocks = std::chrono::seconds(30);

    // Both ends are included. `position_us`: up to there it has been committed; `written_us`: when
    // records were written last.
    ReplayWindow(std::int64_t from_us, std::int64_t to_us, std::optional<std::int64_t> position_us,
                 std::optional<std::int64_t> written_us = std::nullopt) noexcept;

    // What a connection has to ask for.
    std::int64_t cursor(bool same_host) const noexcept;
    // It has asked for this. Servers may begin far earlier, with what has been committed already:
    // that is outside.
    void begin_connection(std::int64_t asked_us) noexcept;

    // A frame of that connection came.
    Place observe(std::int64_t time_us) noexcept;
    // One of the records is on its way to the database. Until committed() there is no end.
    void record_read() noexcept { pending_ = true; }
    // Everything read so far is committed, records among it at `written_us`.
    void committed(std::optional<std::int64_t> written_us) noexcept;
    // Nothing has come over the connection for a while; it has been given up.
    void fell_silent() noexcept;

    bool over() const noexcept { return over_; }
    // The latest stamp seen that counted; nullopt = none yet.
    std::optional<std::int64_t> position() const noexcept { return position_us_; }
    // Something new has come over the present connection.
    bool progressed() const noexcept { return progressed_; }
    // How much of the records' window lies behind the position, 0 to 1.
    double share() const noexcept;

  private:
    std::int64_t end() const noexcept;

    std::int64_t from_us_;
    std::int64_t to_us_;
    std::optional<std::int64_t> position_us_;
    std::optional<std::int64_t> written_us_;
    bool pending_ = false;
    std::int64_t asked_us_ = 0;
    bool heard_ = false;       // on this connection, of what was asked for
    bool progressed_ = false;  // likewise
    int empty_connections_ = 0;
    bool over_ = false;
};

}  // namespace subcults::indexer
