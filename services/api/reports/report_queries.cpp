#include "reports/report_queries.hpp"

#include "reports/report_sql.hpp"

#include <utility>

namespace subcults::api::reports {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t hour_us = 3'600'000'000;

std::optional<double> number(const db::Rows& rows, int row, int column) {
    if (rows.is_null(row, column)) return std::nullopt;
    return rows.float8(row, column);
}

Percentiles percentiles(const db::Rows& rows, int row, int column) {
    Percentiles found;
    found.median = number(rows, row, column);
    found.worse = number(rows, row, column + 1);
    return found;
}

Report read_report(const db::Rows& rows, int row) {
    Report report;
    report.starts_at = rows.timestamptz(row, 0);
    report.sessions = rows.int8(row, 1);
    report.sessions_started = rows.int8(row, 2);
    report.joins = rows.int8(row, 3);
    report.leaves = rows.int8(row, 4);
    report.unique_participants = rows.int8(row, 5);
    report.unique_participants_at_least = rows.int8(row, 6);
    report.listening_us = rows.int8(row, 7);
    report.quality_samples = rows.int8(row, 8);
    report.bitrate_kbps = percentiles(rows, row, 9);
    report.jitter_ms = percentiles(rows, row, 11);
    report.packet_loss_percent = percentiles(rows, row, 13);
    report.audio_level = number(rows, row, 15);
    report.rtt_ms = percentiles(rows, row, 16);
    report.mos = percentiles(rows, row, 18);
    report.computed_at = rows.timestamptz(row, 20);
    report.revision = rows.int8(row, 21);
    report.final = rows.boolean(row, 22);
    return report;
}

}  // namespace

std::string_view to_string(Period period) noexcept {
    return period == Period::hour ? "hour" : "day";
}

std::int64_t width_us(Period period) noexcept {
    return period == Period::hour ? hour_us : 24 * hour_us;
}

asio::awaitable<db::DbResult<Reports>> find_reports(db::Pool& pool, Reports asked,
                                                    Deadline deadline) {
    // First, so that it never says more than the list shows.
    db::Params which;
    which.text(to_string(asked.period));
    auto newest = co_await pool.read(report_sql::newest, std::move(which), deadline);
    if (!newest) co_return newest.error();
    if (!newest->empty() && !newest->is_null(0, 0)) {
        const UnixMicros starts_at = newest->timestamptz(0, 0);
        asked.computed_until = UnixMicros{starts_at.value + width_us(asked.period)};
    }
    const Uuid scene = asked.scene.value_or(Uuid());
    db::Params params;
    params.uuid(scene).text(to_string(asked.period)).timestamptz(asked.from);
    params.timestamptz(asked.to);
    auto rows = co_await pool.read(report_sql::list, std::move(params), deadline);
    if (!rows) co_return rows.error();
    asked.reports.reserve(static_cast<std::size_t>(rows->size()));
    for (int row = 0; row < rows->size(); ++row)
        asked.reports.push_back(read_report(*rows, row));
    co_return std::move(asked);
}

std::vector<db::Statement> report_query_statements() {
    return {report_sql::list, report_sql::newest};
}

}  // namespace subcults::api::reports
