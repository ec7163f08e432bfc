// Stores what clients report, on connections of its own, so that reports by the thousand neither
// wait for each other's commits nor stand in the way of joins.
//
// Each connection is a lane (report_lane.hpp) that stores a batch at a time. A caller's reports all
// take the same lane: of two that are under way at once, the later one sees what the earlier one
// has stored. `stored` is told after the commit. Nothing locks a session's row.
//
// Threading: the writer belongs to one single-threaded io_context; store() may be awaited on any
// executor. At most `max_queued` windows wait (a report counts as one more), an equal share of them
// per lane; what comes beyond that is `unavailable` at once.
#pragma once

#include "quality/report_lane.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::api::quality {

struct ReportWriterOptions {
    std::string database_uri;
    std::size_t lanes = 2;         // connections; one commits while another inserts
    std::size_t max_batch = 2048;  // windows per transaction; a larger report goes alone
    std::size_t max_queued = 20'000;
    std::function<void(std::string_view, double)> on_query;
};

class ReportWriter {
  public:
    ReportWriter(boost::asio::io_context& io, ReportWriterOptions options, Log& log);
    ReportWriter(const ReportWriter&) = delete;
    ReportWriter& operator=(const ReportWriter&) = delete;

    void start();
    // On the io_context's thread: stores what waits, refuses what comes, ends.
    void stop() noexcept;

    boost::asio::awaitable<ReportOutcome> store(ReportRequest request);

    // Windows that wait. Safe from any thread.
    std::size_t queued() const noexcept;

  private:
    LogLimit log_limit_;
    std::vector<std::unique_ptr<ReportLane>> lanes_;  // at least one
};

}  // namespace subcults::api::quality
