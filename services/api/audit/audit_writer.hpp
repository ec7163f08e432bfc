// Appends to the audit chains of everything but sessions: refused starts of streams (under the
// scene or event), and what is done with the audit log itself.
//
// Entries that come while a transaction is in flight share the next one. Whoever asks is told after
// the commit, and should let the audited action happen only then. False = not confirmed: refused,
// or the connection was lost during COMMIT; nothing is ever written twice.
//
// Refusals of one action by one actor at one entity are written once a minute, like those of
// sessions, so that nobody can grow a chain at will; the others count as written.
//
// Threading: the writer belongs to one single-threaded io_context; record() may be awaited on any
// executor. At most `max_queued` entries wait; further ones are refused at once.
#pragma once

#include "audit/audit_entry.hpp"
#include "audit/audit_metrics.hpp"
#include "base/log.hpp"
#include "db/connection.hpp"
#include "streams/denial_memory.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace subcults::api {

// Of the audit log as an entity (audit_log_entity_type).
Uuid audit_log_entity();

// What is to be written down. Texts marked static are not copied.
struct AuditNote {
    std::string_view entity_type;  // static
    Uuid entity_id;
    std::string_view action;  // static
    bool allowed = true;
    Tag128 actor{};
    std::string request_id;
    Deadline deadline{};
};

struct AuditWriterOptions {
    std::string database_uri;
    std::vector<Secret> privacy_secrets;  // current first
    std::size_t max_batch = 64;
    std::size_t max_queued = 1024;
    std::function<void(std::string_view, double)> on_query;
};

class AuditWriter {
  public:
    AuditWriter(boost::asio::io_context& io, AuditWriterOptions options, AuditMetrics metrics,
                Log& log);
    AuditWriter(const AuditWriter&) = delete;
    AuditWriter& operator=(const AuditWriter&) = delete;

    void start();
    // On the io_context's thread: writes what waits, refuses what comes, ends.
    void stop() noexcept;

    // True when the entry is in its chain.
    boost::asio::awaitable<bool> record(AuditNote note);

  private:
    using Done = boost::asio::any_completion_handler<void(bool)>;
    struct Ticket {
        AuditNote note;
        boost::asio::any_io_executor executor;
        Done done;
    };
    using Tickets = std::vector<Ticket>;
    // A named function object: a lambda made inside a statement with co_await is miscompiled.
    struct Initiate {
        explicit Initiate(AuditWriter& owner) : writer(owner) {}
        template <class Handler>
        void operator()(Handler&& handler, AuditNote note,
                        boost::asio::any_io_executor executor) const {
            writer.submit(std::move(note), std::move(executor),
                          Done(std::forward<Handler>(handler)));
        }
        AuditWriter& writer;
    };
    template <class CompletionToken>
    auto async_record(AuditNote note, boost::asio::any_io_executor executor,
                      CompletionToken&& token) {
        return boost::asio::async_initiate<CompletionToken, void(bool)>(
            Initiate{*this}, token, std::move(note), std::move(executor));
    }
    enum class Attempt { committed, retry, failed };
    struct Head {
        std::string_view entity_type;
        Uuid id;
        std::int64_t seq = 0;
        std::string hash;
        UnixMicros at;
    };

    void submit(AuditNote note, boost::asio::any_io_executor executor, Done done);
    boost::asio::awaitable<void> run();
    boost::asio::awaitable<void> process(Tickets tickets);
    boost::asio::awaitable<Attempt> attempt(const Tickets& tickets);
    boost::asio::awaitable<Attempt> commit(std::vector<AuditEntry> entries,
                                           std::vector<Head> heads);
    boost::asio::awaitable<void> give_up(const db::Error& error);
    Tickets take();
    bool nothing_to_do();
    static void answer(Ticket&& ticket, bool recorded);

    boost::asio::io_context& io_;
    AuditWriterOptions options_;
    AuditMetrics metrics_;
    Log& log_;
    PrivacyKeys keys_;
    db::Connection connection_;
    boost::asio::steady_timer wake_;
    DenialMemory denials_;
    bool stopping_ = false;

    std::mutex inbox_mutex_;
    std::deque<Ticket> inbox_;
    bool closed_ = false;  // nobody would answer any more
};

}  // namespace subcults::api
