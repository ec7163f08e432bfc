// What a session amounted to: how many were there at once, how many in all, for how long.
//
// Computed from stream_participations by one set-based statement, in a transaction of its own and
// never under the session's row lock: some milliseconds for thousands of stays. For a session that
// has ended the result is stored and final; while it is live, everybody present is taken to listen
// until the moment of asking.
//
// Listening time is per participant, all stays together (overlapping ones once).
// Errors: those of the pool. Threading: the pool's.
#pragma once

#include "db/pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>
#include <vector>

namespace subcults::api {

struct StreamAnalytics {
    bool final = false;
    std::int64_t peak_concurrent = 0;
    std::int64_t unique_participants = 0;
    std::int64_t join_attempts = 0;
    double duration_seconds = 0;
    // Seconds from the start to the first participant, mean and median of listening times: absent
    // when nobody came.
    std::optional<double> engagement_lag_seconds;
    std::optional<double> mean_listen_seconds;
    std::optional<double> median_listen_seconds;
    UnixMicros computed_at;
};

// Of a session that is live, or of which nothing is stored. nullopt = there is no such session.
boost::asio::awaitable<db::DbResult<std::optional<StreamAnalytics>>> compute_analytics(
    db::Pool& pool, Uuid session, UnixMicros now, Deadline deadline);

// Of a session that has ended: what is stored, computed and stored first if it is not there yet.
// May run several times and at once; the first result stays. nullopt = it has not ended.
boost::asio::awaitable<db::DbResult<std::optional<StreamAnalytics>>> final_analytics(
    db::Pool& pool, Uuid session, UnixMicros now, Deadline deadline);

// Computes and stores those of one session that has ended, unless they are there. Parameters: now
// (timestamptz), the session (uuid). Returns what is stored then.
extern const db::Statement store_analytics;

// The statements a pool must have prepared for these.
std::vector<db::Statement> analytics_statements();

std::string analytics_json(const Uuid& session, const StreamAnalytics& analytics);

}  // namespace subcults::api
