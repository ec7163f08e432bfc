// Stores what clients report: one writer on a connection of its own, so that reports by the
// thousand neither wait for each other's commits nor stand in the way of joins.
//
// Reports that come while a transaction is in flight share the next one: one look at who may
// report, one insert of everything. `stored` is told after the commit. Nothing locks a session's
// row. When the connection breaks during the insert, the batch is tried again: a replay changes
// nothing, at worst a window of the first attempt is called a duplicate.
//
// Threading: the writer belongs to one single-threaded io_context; store() may be awaited on any
// executor. At most `max_queued` windows wait (a report counts as one more); what comes beyond that
// is `unavailable` at once.
#pragma once

#include "base/log.hpp"
#include "db/connection.hpp"
#include "quality/quality_metrics.hpp"
#include "quality/report_rows.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace subcults::api::quality {

struct ReportWriterOptions {
    std::string database_uri;
    std::size_t max_batch = 2048;  // windows; a larger report goes alone
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
    std::size_t queued() const noexcept { return queued_.load(std::memory_order_relaxed); }

  private:
    using Done = boost::asio::any_completion_handler<void(ReportOutcome)>;
    struct Ticket {
        ReportRequest request;
        boost::asio::any_io_executor executor;
        Done done;
    };
    using Tickets = std::vector<Ticket>;
    // A named function object: a lambda made inside a statement with co_await is miscompiled.
    struct Initiate {
        explicit Initiate(ReportWriter& owner) : writer(owner) {}
        template <class Handler>
        void operator()(Handler&& handler, ReportRequest request,
                        boost::asio::any_io_executor executor) const {
            writer.submit(std::move(request), std::move(executor),
                          Done(std::forward<Handler>(handler)));
        }
        ReportWriter& writer;
    };
    template <class CompletionToken>
    auto async_store(ReportRequest request, boost::asio::any_io_executor executor,
                     CompletionToken&& token) {
        return boost::asio::async_initiate<CompletionToken, void(ReportOutcome)>(
            Initiate{*this}, token, std::move(request), std::move(executor));
    }
    enum class Attempt { committed, retry, unavailable, failed };

    static std::size_t weight(const ReportRequest& request) noexcept {
        return request.windows.size() + 1;
    }
    static void answer(Ticket&& ticket, ReportOutcome outcome);
    static void refuse(Ticket&& ticket, ReportOutcome::Status status);

    void submit(ReportRequest request, boost::asio::any_io_executor executor, Done done);
    bool nothing_to_do();
    Tickets take();
    boost::asio::awaitable<void> run();
    boost::asio::awaitable<void> process(Tickets tickets);
    boost::asio::awaitable<void> process_singly(Tickets tickets);
    boost::asio::awaitable<Attempt> insist(ReportBatch& batch, Deadline last);
    boost::asio::awaitable<Attempt> attempt(ReportBatch& batch);
    boost::asio::awaitable<bool> connect();
    boost::asio::awaitable<bool> add_partitions();
    Attempt trouble(const db::Error& error);

    boost::asio::io_context& io_;
    ReportWriterOptions options_;
    Log& log_;
    LogLimit log_limit_;
    db::Connection connection_;
    boost::asio::steady_timer wake_;
    bool stopping_ = false;

    std::mutex inbox_mutex_;
    std::deque<Ticket> inbox_;
    bool closed_ = false;  // nobody would answer any more
    std::atomic<std::size_t> queued_{0};
};

}  // namespace subcults::api::quality
