#include "quality/partitions.hpp"

namespace subcults::api::quality {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t hour_us = 3'600'000'000;
constexpr std::int64_t day_us = 24 * hour_us;
// Collections look back some minutes; the rest is for people who look into a complaint.
constexpr std::int64_t report_hours = 3;

constexpr db::Statement add_missing{"quality_add_partitions",
                                    "SELECT quality_add_partitions($1::timestamptz)"};
constexpr db::Statement drop_oldest{
    "quality_drop_partition", "SELECT quality_drop_partition($1::timestamptz, $2::timestamptz)"};

}  // namespace

asio::awaitable<db::DbResult<std::int64_t>> add_partitions(db::Connection& connection,
                                                           UnixMicros now, Deadline deadline) {
    db::Params params;
    params.timestamptz(now);
    auto rows = co_await connection.query(add_missing, std::move(params), deadline);
    if (!rows) co_return rows.error();
    co_return rows->int8(0, 0);
}

asio::awaitable<db::DbResult<std::int64_t>> drop_partitions(db::Connection& connection,
                                                            UnixMicros now,
                                                            std::int64_t retention_days,
                                                            Deadline deadline) {
    std::int64_t dropped = 0;
    for (;;) {
        db::Params params;
        params.timestamptz(UnixMicros{now.value - retention_days * day_us})
            .timestamptz(UnixMicros{now.value - report_hours * hour_us});
        auto rows = co_await connection.query(drop_oldest, std::move(params), deadline);
        if (!rows) co_return rows.error();
        if (rows->int8(0, 0) == 0) co_return dropped;
        ++dropped;
    }
}

bool partition_missing(const db::Error& error) noexcept {
    // check_violation: what is stored has been checked before, so there is no other cause.
    return error.kind == db::ErrorKind::server && error.sqlstate == "23514";
}

std::vector<db::Statement> partition_statements() {
    return {add_missing, drop_oldest};
}

}  // namespace subcults::api::quality
