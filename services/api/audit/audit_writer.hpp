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
#include "net/inbox.hpp"
#include "streams/denial_memory.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <functional>
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
    using Inbox = net::Inbox<AuditNote, bool>;
    using Tickets = Inbox::Tickets;
    enum class Attempt { committed, retry, failed };
    struct Head {
        std::string_view entity_type;
        Uuid id;
        std::int64_t seq = 0;
        std::string hash;
        UnixMicros at;
    };

    boost::asio::awaitable<void> run();
    boost::asio::awaitable<void> process(Tickets tickets);
    boost::asio::awaitable<Attempt> attempt(const Tickets& tickets);
    boost::asio::awaitable<Attempt> commit(std::vector<AuditEntry> entries,
                                           std::vector<Head> heads);
    boost::asio::awaitable<void> give_up(const db::Error& error);

    boost::asio::io_context& io_;
    AuditWriterOptions options_;
    AuditMetrics metrics_;
    Log& log_;
    PrivacyKeys keys_;
    db::Connection connection_;
    DenialMemory denials_;
    Inbox inbox_;
};

}  // namespace subcults::api
