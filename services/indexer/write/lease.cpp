#include "write/lease.hpp"

#include "base/crash_point.hpp"
#include "write/lease_sql.hpp"
#include "write/writer_sql.hpp"

#include <unistd.h>
#include <array>

namespace subcults::indexer {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds statement_limit{10};

std::string this_process() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0) name[0] = '?';
    return std::string(name.data()) + "/" + std::to_string(getpid());
}

}  // namespace

bool is_fenced(const db::Error& error) noexcept {
    return error.sqlstate == "22012" && (error.statement == writer_sql::move_cursor.name ||
                                         error.statement == lease_sql::heartbeat.name);
}

Lease::Lease(LeaseOptions options, Log& log)
    : options_(std::move(options)),
      log_(log),
      lock_name_("subcults-indexer/" + options_.consumer),
      holder_(this_process()) {}

LeaseOutcome Lease::report(const db::Error& error) {
    log_.warn("cannot take the shard", {{"kind", db::to_string(error.kind)},
                                        {"sqlstate", error.sqlstate},
                                        {"statement", error.statement},
                                        {"error", error.message}});
    return LeaseOutcome::unavailable;
}

asio::awaitable<LeaseOutcome> Lease::acquire(db::Connection& connection) {
    const auto agreed = co_await layout_agrees(connection);
    if (!agreed) co_return report(agreed.error());
    if (!*agreed) co_return LeaseOutcome::wrong_layout;
    const auto locked = co_await lock(connection);
    if (!locked) co_return report(locked.error());
    if (!*locked) co_return LeaseOutcome::standby;
    crash_point("lease.locked");
    const auto opened = co_await open_epoch(connection);
    if (!opened) co_return report(opened.error());
    // Once more: the layout may have been changed before our epoch; from now on it cannot be.
    const auto agrees = co_await layout_agrees(connection);
    if (!agrees) co_return report(agrees.error());
    if (!*agrees) co_return LeaseOutcome::wrong_layout;
    const auto read = co_await read_cursors(connection);
    if (!read) co_return report(read.error());
    crash_point("lease.held");
    co_return LeaseOutcome::held;
}

asio::awaitable<db::DbResult<bool>> Lease::lock(db::Connection& connection) {
    const std::int64_t index = options_.shard.index;
    db::Params params;
    params.text(lock_name_).int8(index);
    auto deadline = deadline_in(statement_limit);
    auto locked = co_await connection.query(lease_sql::try_lock, std::move(params), deadline);
    if (!locked) co_return std::move(locked).error();
    if (locked->boolean(0, 0)) co_return true;

    db::Params holder;
    holder.text(lock_name_)
        .int8(index)
        .text(options_.consumer)
        .int4(static_cast<std::int32_t>(index))
        .float8(static_cast<double>(options_.silent_after.count()))
        .float8(static_cast<double>(options_.silent_at_work_after.count()));
    deadline = deadline_in(statement_limit);
    auto evicted =
        co_await connection.query(lease_sql::evict_silent_holder, std::move(holder), deadline);
    // A role that may not end other connections waits for the server to find them dead.
    std::uint64_t held_back = 0;
    if (!evicted && evicted.error().kind != db::ErrorKind::server) {
        co_return std::move(evicted).error();
    }
    if (!evicted && eviction_log_.allow(held_back)) {
        log_.warn("cannot end the connection of a silent holder",
                  {{"sqlstate", evicted.error().sqlstate}, {"error", evicted.error().message}});
    }
    if (evicted && evicted->int8(0, 0) > 0) {
        log_.warn("the holder of the shard was silent: its connection has been ended");
    }
    co_return false;
}

asio::awaitable<db::DbResult<bool>> Lease::layout_agrees(db::Connection& connection) {
    const auto count = static_cast<std::int32_t>(options_.shard.count);
    db::Params params;
    params.text(options_.consumer).int4(count);
    auto deadline = deadline_in(statement_limit);
    auto layout = co_await connection.query(lease_sql::claim_layout, std::move(params), deadline);
    if (!layout) co_return std::move(layout).error();
    if (layout->empty()) {
        db::Error race;
        race.kind = db::ErrorKind::unavailable;
        race.message = "another process is fixing the layout";
        co_return race;
    }
    stored_shards_ = layout->int4(0, 0);
    co_return stored_shards_ == count;
}

asio::awaitable<db::DbResult<void>> Lease::open_epoch(db::Connection& connection) {
    db::Params params;
    params.text(options_.consumer)
        .int4(static_cast<std::int32_t>(options_.shard.index))
        .text(holder_);
    auto deadline = deadline_in(statement_limit);
    auto opened = co_await connection.query(lease_sql::open_epoch, std::move(params), deadline);
    if (!opened) co_return std::move(opened).error();
    const std::int64_t epoch = opened->int8(0, 0);
    // One more than ours: nobody has held the shard in between.
    uninterrupted_ = epoch_ != 0 && epoch == epoch_ + 1;
    epoch_ = epoch;
    last_batch_.reset();
    if (!opened->is_null(0, 1)) last_batch_ = opened->uuid(0, 1);
    co_return db::DbResult<void>();
}

asio::awaitable<db::DbResult<void>> Lease::read_cursors(db::Connection& connection) {
    db::Params params;
    params.text(options_.consumer)
        .text(options_.dialect)
        .int4(static_cast<std::int32_t>(options_.shard.index));
    auto deadline = deadline_in(statement_limit);
    auto rows = co_await connection.query(lease_sql::read_cursors, std::move(params), deadline);
    if (!rows) co_return std::move(rows).error();
    cursors_.clear();
    for (int row = 0; row < rows->size(); ++row) {
        HostCursor found;
        found.host = rows->text(row, 0);
        if (!rows->is_null(row, 1)) found.cursor.time_us = rows->int8(row, 1);
        if (!rows->is_null(row, 2)) found.cursor.seq = rows->int8(row, 2);
        cursors_.push_back(std::move(found));
    }
    co_return db::DbResult<void>();
}

asio::awaitable<db::DbResult<void>> Lease::heartbeat(db::Connection& connection) {
    db::Params params;
    params.text(options_.consumer)
        .int4(static_cast<std::int32_t>(options_.shard.index))
        .int8(epoch_);
    auto deadline = deadline_in(statement_limit);
    auto beaten = co_await connection.query(lease_sql::heartbeat, std::move(params), deadline);
    if (!beaten) co_return std::move(beaten).error();
    co_return db::DbResult<void>();
}

}  // namespace subcults::indexer
