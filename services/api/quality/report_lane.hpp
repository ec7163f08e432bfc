// One connection of the report writer: what is asked of it, it stores in batches.
//
// Reports that come while a transaction is in flight share the next one: one look at who may
// report, one insert of everything. An answer comes after the commit. When the connection breaks
// during the insert, the batch is tried again: a replay changes nothing, at worst a window of the
// first attempt is called a duplicate.
//
// Threading: belongs to one single-threaded io_context; store() may be awaited on any executor.
#pragma once

#include "base/log.hpp"
#include "db/connection.hpp"
#include "net/inbox.hpp"
#include "quality/report_rows.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace subcults::api::quality {

struct ReportLaneOptions {
    std::string database_uri;
    std::size_t max_batch = 0;   // windows; a larger report goes alone
    std::size_t max_queued = 0;  // windows; a report counts as one more
    std::function<void(std::string_view, double)> on_query;
};

class ReportLane {
  public:
    // The log and its limit are those of all lanes.
    ReportLane(boost::asio::io_context& io, ReportLaneOptions options, Log& log, LogLimit& limit);
    ReportLane(const ReportLane&) = delete;
    ReportLane& operator=(const ReportLane&) = delete;

    // With these, no plan of the writer's statements depends on how full the tables are.
    static std::vector<std::pair<std::string, std::string>> plan_settings();

    void start();
    // On the io_context's thread: stores what waits, refuses what comes, ends.
    void stop() noexcept { inbox_.stop(); }

    boost::asio::awaitable<ReportOutcome> store(ReportRequest request);

    // Windows that wait. Safe from any thread.
    std::size_t queued() const noexcept { return inbox_.waiting(); }

  private:
    using Inbox = net::Inbox<ReportRequest, ReportOutcome>;
    using Tickets = Inbox::Tickets;
    enum class Attempt { committed, retry, unavailable, failed };

    static db::ConnectionOptions connection_options(const ReportLaneOptions& options);

    boost::asio::awaitable<void> run();
    boost::asio::awaitable<void> process(Tickets tickets);
    boost::asio::awaitable<void> process_singly(Tickets tickets);
    boost::asio::awaitable<Attempt> insist(ReportBatch& batch, Deadline last);
    boost::asio::awaitable<Attempt> attempt(ReportBatch& batch);
    boost::asio::awaitable<bool> connect();
    boost::asio::awaitable<bool> add_partitions();
    Attempt trouble(const db::Error& error);

    boost::asio::io_context& io_;
    ReportLaneOptions options_;
    Log& log_;
    LogLimit& log_limit_;
    db::Connection connection_;
    boost::asio::steady_timer pause_;
    Inbox inbox_;
};

}  // namespace subcults::api::quality
