#include "analytics/missing_analytics.hpp"

#include "analytics/stream_analytics.hpp"

#include <algorithm>
#include <utility>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds first_pause{10};
constexpr std::chrono::seconds longest_pause{3600};
constexpr std::chrono::hours remembered{25};
constexpr std::chrono::seconds turn_limit{4};
constexpr std::int64_t sessions_per_turn = 20;

constexpr db::Statement missing{
    "analytics_missing",
    "SELECT s.id FROM stream_sessions s WHERE s.ended_at > $1::timestamptz - interval '1 day'"
    " AND s.id <> ALL ($2::uuid[])"
    " AND NOT EXISTS (SELECT 1 FROM stream_analytics a WHERE a.stream_session_id = s.id)"
    " ORDER BY s.ended_at LIMIT $3::bigint"};

}  // namespace

void FailedSessions::failed(const Uuid& session, Deadline now) {
    const auto [slot, first_time] = failures_.try_emplace(session);
    Failure& failure = slot->second;
    if (first_time) failure.since = now;
    failure.pause = first_time ? first_pause : std::min(2 * failure.pause, longest_pause);
    failure.until = now + failure.pause;
}

std::vector<Uuid> FailedSessions::resting(Deadline now) {
    std::erase_if(failures_, [now](const auto& entry) {
        return now - entry.second.since > remembered && now >= entry.second.until;
    });
    std::vector<Uuid> ids;
    for (const auto& [id, failure] : failures_) {
        if (now < failure.until) ids.push_back(id);
    }
    return ids;
}

std::vector<db::Statement> MissingAnalytics::statements() {
    return {missing, store_analytics};
}

asio::awaitable<void> MissingAnalytics::turn(db::Connection& connection) {
    const Deadline end = deadline_in(turn_limit);
    const std::vector<Uuid> resting = failed_.resting(SteadyClock::now());
    db::Params params;
    params.timestamptz(now_micros()).uuid_array(resting).int8(sessions_per_turn);
    auto limit = deadline_in(statement_limit);
    auto found = co_await connection.query(missing, std::move(params), limit);
    if (!found) {
        if (connection.connected()) {
            log_.warn("analytics not looked for", {{"error", describe(found.error())}});
        }
        co_return;
    }
    for (int row = 0; row < found->size() && SteadyClock::now() < end; ++row) {
        const Uuid session = found->uuid(row, 0);
        db::Params which;
        which.timestamptz(now_micros()).uuid(session);
        limit = deadline_in(statement_limit);
        auto stored = co_await connection.query(store_analytics, std::move(which), limit);
        if (stored) {
            failed_.succeeded(session);
            continue;
        }
        failed_.failed(session, SteadyClock::now());
        if (!connection.connected()) co_return;
        log_.warn("analytics not computed",
                  {{"session", session.to_string()}, {"error", describe(stored.error())}});
    }
}

}  // namespace subcults::api
