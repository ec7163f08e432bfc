// One lane of the ledger: a connection, a queue, and the protocol that turns batches of commands
// into transactions. Runs on the ledger's thread only, except push().
#pragma once

#include "base/backoff.hpp"
#include "base/log.hpp"
#include "db/connection.hpp"
#include "streams/ledger.hpp"
#include "streams/ledger_batch.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <deque>
#include <mutex>
#include <set>
#include <vector>

namespace subcults::api {

// A command on its way, with whom to tell.
struct LedgerTicket {
    Command command;
    std::size_t worker = 0;
    Ledger::Done done;
    int skips = 0;  // batches that found its session locked elsewhere
};

// Hands finished tickets back to their workers, one post per worker and batch.
class LedgerAnswers {
  public:
    LedgerAnswers(std::vector<boost::asio::any_io_executor> workers, LedgerMetrics metrics,
                  std::atomic<std::size_t>& queued);
    void add(LedgerTicket&& ticket, Outcome outcome);
    void flush();
    const LedgerMetrics& metrics() const noexcept { return metrics_; }

  private:
    struct Answer {
        Ledger::Done done;
        Outcome outcome;
    };
    std::vector<boost::asio::any_io_executor> workers_;
    std::vector<std::vector<Answer>> pending_;
    LedgerMetrics metrics_;
    std::atomic<std::size_t>& queued_;
};

class LedgerLane {
  public:
    LedgerLane(boost::asio::io_context& io, const LedgerOptions& options, LedgerMetrics metrics,
               std::vector<boost::asio::any_io_executor> workers, std::atomic<std::size_t>& queued,
               Log& log);

    // From any thread. False when the lane has refused because the database is away.
    bool push(LedgerTicket& ticket);
    // The lane's life: until stop() was called and the queue is empty.
    boost::asio::awaitable<void> run();
    // On the ledger's thread.
    void stop() noexcept;
    // Drops the connection now (the last resort at shutdown).
    void abort() noexcept { connection_.close(); }

  private:
    using Tickets = std::vector<LedgerTicket>;
    struct Head {
        Uuid session;
        std::int64_t seq = 0;
        std::string hash;
        std::optional<Uuid> claimed;  // a new session's subject
    };
    enum class Attempt {
        finished,  // every ticket was answered or put back
        retry,     // nothing was applied; the same again may work
        rejected,  // nothing was applied; some command of the batch is at fault
        unknown,   // COMMIT was sent and the connection is gone
    };

    boost::asio::awaitable<void> wait_for_work();
    boost::asio::awaitable<bool> ensure_connected();
    boost::asio::awaitable<void> pause(std::chrono::milliseconds delay);
    boost::asio::awaitable<void> process(Tickets tickets, bool waiting);
    boost::asio::awaitable<Attempt> attempt(Tickets& tickets, bool waiting);
    boost::asio::awaitable<Attempt> attempt_creates(Tickets& tickets);
    boost::asio::awaitable<Attempt> commit(const LedgerBatch& batch, Tickets& tickets,
                                           std::vector<Outcome> outcomes);
    boost::asio::awaitable<std::unique_ptr<db::Error>> run_step(std::string_view name,
                                                                db::Pipeline pipeline,
                                                                std::vector<db::Rows>& rows);
    void put_back(Tickets& tickets, const std::vector<Uuid>& skipped);
    void refuse_unreadable(Tickets& tickets, const std::set<Uuid>& unreadable);
    // nullopt = could not find out in time; else whether the heads are in the chain.
    boost::asio::awaitable<std::optional<bool>> resolve(std::vector<Head> heads, Deadline deadline);
    void happened(const LedgerEffects& effects, UnixMicros at);
    void tell_changed(const Tickets& tickets, const std::vector<Outcome>& outcomes) const;
    boost::asio::awaitable<void> rollback();
    boost::asio::awaitable<Attempt> give_up(const db::Error& error);

    void take_inbox();
    void expire();
    void refuse_all(Outcome::Status status);
    void answer(LedgerTicket&& ticket, Outcome::Status status);
    Tickets next_batch(bool& waiting);
    bool nothing_to_do();
    Deadline statement_deadline() const { return deadline_in(options_.statement_timeout); }

    LedgerOptions options_;
    Log& log_;
    PrivacyKeys keys_;
    db::Connection connection_;
    boost::asio::steady_timer wake_;
    LedgerAnswers answers_;
    Backoff backoff_;

    std::mutex inbox_mutex_;
    Tickets inbox_;
    bool closed_ = false;  // set when the lane has ended: nothing would be answered any more
    boost::asio::any_io_executor executor_;
    std::deque<LedgerTicket> queue_;
    bool stopping_ = false;
    // Steady nanoseconds since which the database has been away; 0 = it is there.
    std::atomic<std::int64_t> down_since_{0};
    // Set by commit() for process(), when the outcome is unknown.
    std::vector<Head> doubtful_heads_;
    std::vector<Outcome> doubtful_outcomes_;
    LedgerEffects doubtful_effects_;
    UnixMicros doubtful_at_;
    DenialMemory denials_;
    Deadline quiet_until_{};  // no further line in the log about keys that are missing
};

}  // namespace subcults::api
