// The ledger: the one writer of stream sessions.
//
// Commands from all workers are collected while a transaction is in flight, and the next
// transaction takes them all: a crowd that joins one stream shares row lock and fsync instead of
// queueing on them. A command is answered only after the commit that contains it.
//
// Threading: one thread of its own with `lanes` connections; a session always goes to the same
// lane. async_submit() may be called from any worker thread; its handler runs on that worker.
// Cost: alone, a command pays two round trips and one commit; in a crowd, a share of them.
// Errors: outcomes, never exceptions. When the queue is full or the database has been away for
// more than a second, commands are refused at once.
#pragma once

#include "base/config.hpp"
#include "base/log.hpp"
#include "db/connection.hpp"
#include "streams/command.hpp"
#include "streams/ledger_metrics.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace subcults::api {

struct LedgerOptions {
    std::string database_uri;
    std::vector<Secret> privacy_secrets;  // current first
    std::size_t lanes = 2;
    std::size_t max_batch = 256;
    std::size_t max_queued = 8192;
    std::chrono::milliseconds statement_timeout{5000};
    // Leave orders for LiveKit (delete a room, remove or mute somebody) in its outbox. Off where no
    // LiveKit is configured: nobody would carry them out, and nobody can be muted.
    bool livekit = true;
    // Told of sessions that a commit has changed, before anybody is answered. On the ledger's
    // thread; must not throw.
    std::function<void(std::span<const Uuid> sessions)> on_changed = {};
};

class Ledger {
  public:
    using Done = boost::asio::any_completion_handler<void(Outcome)>;

    // `workers`: the executors that submit; a command names its worker by position.
    Ledger(LedgerOptions options, std::vector<boost::asio::any_io_executor> workers,
           LedgerMetrics metrics, Log& log);
    ~Ledger();
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;

    void start();
    // Answers what is queued (within its deadlines), refuses what comes, ends the thread.
    void stop();

    template <class CompletionToken>
    auto async_submit(Command command, std::size_t worker, CompletionToken&& token) {
        return boost::asio::async_initiate<CompletionToken, void(Outcome)>(
            Initiate{*this}, token, std::move(command), worker);
    }

    // Commands queued or in flight.
    std::size_t queued() const noexcept;

  private:
    // A named function object: a lambda made inside a statement with co_await is miscompiled.
    struct Initiate {
        explicit Initiate(Ledger& owner) : ledger(owner) {}
        template <class Handler>
        void operator()(Handler&& handler, Command command, std::size_t worker) const {
            ledger.submit(std::move(command), worker, Done(std::forward<Handler>(handler)));
        }
        Ledger& ledger;
    };
    void submit(Command command, std::size_t worker, Done done);

    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace subcults::api
