// Reports as they are read: per scene, or for all of them together (the nil uuid).
#pragma once

#include "base/time.hpp"
#include "base/uuid.hpp"
#include "db/pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::api::reports {

enum class Period : std::uint8_t { hour, day };
std::string_view to_string(Period period) noexcept;
std::int64_t width_us(Period period) noexcept;

struct Percentiles {
    std::optional<double> median;
    std::optional<double> worse;  // than this is one in twenty
};

struct Report {
    UnixMicros starts_at;
    std::int64_t sessions = 0;
    std::int64_t sessions_started = 0;
    std::int64_t joins = 0;
    std::int64_t leaves = 0;
    std::int64_t unique_participants = 0;           // not more people than that
    std::int64_t unique_participants_at_least = 0;  // and not fewer
    std::int64_t listening_us = 0;
    std::int64_t quality_samples = 0;
    Percentiles bitrate_kbps;
    Percentiles jitter_ms;
    Percentiles packet_loss_percent;
    std::optional<double> audio_level;
    Percentiles rtt_ms;
    Percentiles mos;
    UnixMicros computed_at;
    std::int64_t revision = 1;
    bool final = false;  // it will not be computed again
};

struct Reports {
    std::optional<Uuid> scene;  // nullopt = all of them
    Period period = Period::day;
    UnixMicros from;
    UnixMicros to;
    std::vector<Report> reports;  // oldest first; none for a period without a session
    // The end of the newest period that has been computed; nullopt = none has.
    std::optional<UnixMicros> computed_until;
};

// Those that begin from `asked.from` on and before `asked.to`.
boost::asio::awaitable<db::DbResult<Reports>> find_reports(db::Pool& pool, Reports asked,
                                                           Deadline deadline);

std::vector<db::Statement> report_query_statements();

}  // namespace subcults::api::reports
