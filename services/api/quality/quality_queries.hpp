// Reading measurements, and who may.
#pragma once

#include "audit/privacy_keys.hpp"
#include "db/pool.hpp"
#include "quality/window.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::api::quality {

struct MetricView {
    Uuid id;
    std::string participant_id;
    Values values;
    std::optional<double> mos;
    UnixMicros measured_at;
};

// How somebody stands to a session.
struct Standing {
    bool is_host = false;
    bool ended = false;
    bool is_participant = false;  // has joined it or holds a token for it, now or before
    std::string participant_id;   // the caller's own, whether or not it is one
};

// The caller's names in a session, one per privacy key: which one counts is the session's business.
struct CallerNames {
    std::vector<std::int64_t> kids;
    std::vector<std::string> participant_ids;
};
CallerNames caller_names(PrivacyKeys& keys, const Uuid& session, std::string_view did);

// nullopt = no such session.
boost::asio::awaitable<db::DbResult<std::optional<Standing>>> find_standing(
    db::Pool& pool, Uuid session, std::string did, CallerNames names, Deadline deadline);

// Newest first. Of everybody, or of one.
boost::asio::awaitable<db::DbResult<std::vector<MetricView>>> recent_metrics(
    db::Pool& pool, Uuid session, std::optional<std::string> participant, int limit,
    Deadline deadline);

// Who lost more than 5 % at `since` or later, by id. Of everybody, or whether one did.
boost::asio::awaitable<db::DbResult<std::vector<std::string>>> high_loss_participants(
    db::Pool& pool, Uuid session, std::optional<std::string> participant, UnixMicros since,
    Deadline deadline);

// The statements a pool must have prepared for these.
std::vector<db::Statement> quality_query_statements();

}  // namespace subcults::api::quality
