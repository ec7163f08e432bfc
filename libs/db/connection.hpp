// One PostgreSQL connection on Asio: non-blocking connect, prepared statements, pipelines,
// notifications. libpq does the protocol, the io_context does the waiting.
//
// Threading: belongs to one single-threaded io_context; every call is made from its thread.
// One operation at a time: a second call while one is in flight is a programming error (asserted).
// Errors: any timeout, cancelled wait or protocol surprise closes the connection; it is never
// reused in an unknown state. A closed connection answers `unavailable` until connect() succeeds.
// The one exception is next_notification(): nothing was sent, so its timeout leaves all as it was.
// A call whose deadline has passed before anything was sent is `unavailable` and changes nothing.
// The connection may be destroyed or closed while an operation runs: that ends with `cancelled`.
//
// Hosts in the URI may be a list; they are tried in order, each for its share of the time left.
// Keepalives and a limit for unacknowledged data find a dead peer within about 11 s, unless the
// URI sets its own.
#pragma once

#include "base/time.hpp"
#include "db/error.hpp"
#include "db/params.hpp"
#include "db/rows.hpp"
#include "db/statement.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace subcults::db {

struct ConnectionOptions {
    std::string uri;               // libpq URI or key=value string
    std::string application_name;  // shown in pg_stat_activity
    // SET for the whole session, for example {"plan_cache_mode", "force_generic_plan"}.
    std::vector<std::pair<std::string, std::string>> settings = {};
    // Prepared once per connection, right after connecting; an unknown statement cannot be run
    // (the server answers 26000).
    std::vector<Statement> statements = {};
    std::chrono::milliseconds connect_timeout{5000};
    // Called with the time each statement (or pipeline, by its own name) took, from send to last
    // result; for metrics. Must not throw.
    std::function<void(std::string_view statement, double seconds)> on_query = {};
};

// Several statements sent in one write and answered together. Everything between two syncs is one
// implicit transaction; with explicit BEGIN/COMMIT steps it is that transaction.
class Pipeline {
  public:
    Pipeline& add(const Statement& statement, Params params = {});
    // BEGIN, COMMIT, ROLLBACK and other parameterless commands, not prepared.
    Pipeline& command(std::string_view sql);
    // Called once, when all of it has been handed to the kernel and the server is at work: time
    // that would otherwise be spent waiting. Must not throw and must not use the connection.
    Pipeline& when_sent(std::function<void()> call);
    std::size_t size() const noexcept { return steps_.size(); }

  private:
    friend class Connection;
    struct Step {
        std::string_view name;  // empty = command
        std::string sql;
        Params params;
    };
    std::vector<Step> steps_;
    std::function<void()> when_sent_;
};

// Answers in the order of the steps. When a step failed, `error` says why, `failed_step` which,
// and `rows` holds the answers before it; the steps after it did not run. `failed_step` equals the
// number of steps when the implicit commit at the end failed (a deferred constraint).
// The COMMIT of a failed transaction succeeds as a step: its rows.command() is then "ROLLBACK".
struct PipelineResult {
    std::vector<Rows> rows;
    std::size_t failed_step = 0;
    bool ok() const noexcept { return !error; }
    std::unique_ptr<Error> error;
};

struct Notification {
    std::string channel;
    std::string payload;
};

class Connection {
  public:
    Connection(boost::asio::any_io_executor executor, ConnectionOptions options);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Connects, applies the settings and prepares the statements. Host names are resolved without
    // blocking the thread.
    // Errors: `server` with the SQLSTATE when a server answered and refused (28…, 3D000, 57P03);
    // then Error::statement names the setting or statement that failed, if one did. `unavailable`
    // otherwise, the timeout included.
    boost::asio::awaitable<DbResult<void>> connect();
    bool connected() const noexcept;
    // Connected, no operation in flight, no transaction left open, and the server has not hung up
    // meanwhile (looked up with one non-blocking recv; a dead connection is closed by this).
    bool idle() noexcept;
    // Drops the connection at once. A pending operation ends with `cancelled`.
    void close() noexcept;

    // One prepared statement.
    boost::asio::awaitable<DbResult<Rows>> query(Statement statement, Params params,
                                                 Deadline deadline);
    // `name` labels the whole in metrics. A failed step leaves an open transaction behind if the
    // pipeline began one: the caller sends ROLLBACK. The error of the result itself means that the
    // connection is gone and the outcome unknown.
    boost::asio::awaitable<DbResult<PipelineResult>> run(std::string_view name, Pipeline pipeline,
                                                         Deadline deadline);
    // A plain command, or several in one string (simple query protocol): migrations, LISTEN.
    boost::asio::awaitable<DbResult<void>> execute(std::string sql, Deadline deadline);
    // The next notification of a channel this connection listens to; those that arrived during
    // queries come first.
    boost::asio::awaitable<DbResult<Notification>> next_notification(Deadline deadline);

    // The server process of this connection, 0 when not connected.
    int backend_pid() const noexcept;

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

// What is wrong with a connection string, without quoting it (it may hold a password); empty =
// fine. Fits TextOption::check of a configuration table.
std::string uri_mistake(const std::string& uri);

}  // namespace subcults::db
