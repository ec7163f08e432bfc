// Makes a signed checkpoint of all audit chains every so often and at shutdown, and exports it: a
// line in the log ("audit checkpoint") and, where a file is set, a line there.
//
// Replicas take turns: whoever comes first when one is due takes a lock for the length of the
// transaction, and the others find that it is done. Every replica appends whatever its own file
// lacks, so each file is complete. When nothing has moved there is no checkpoint.
//
// What the database says is the newest checkpoint is believed when its signature is right: no other
// is followed or exported, and what is wrong is logged and counted at every turn.
//
// Promise: a chain that is cut back, or a database that is set back to an older state, is found as
// long as its loss reaches behind the last line that was exported.
//
// Threading: belongs to one single-threaded io_context. It connects for each turn. Cost per turn: a
// scan of stream_sessions (one pass, without locks), and two hashes per head that has moved.
// Errors are logged, counted and tried again at the next turn.
#pragma once

#include "audit/audit_metrics.hpp"
#include "audit/checkpoint_file.hpp"
#include "base/config.hpp"
#include "base/log.hpp"
#include "db/connection.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>

namespace subcults::api {

struct CheckpointerOptions {
    std::string database_uri;
    std::vector<Secret> privacy_secrets;  // current first
    std::string file;                     // empty = none
    std::chrono::seconds interval{600};
};

class Checkpointer {
  public:
    Checkpointer(boost::asio::io_context& io, CheckpointerOptions options, AuditMetrics metrics,
                 Log& log);
    void start();
    // On the io_context's thread. Makes a last one, which takes some seconds at most; what a
    // backlog leaves over is for the next process.
    void stop() noexcept;

  private:
    boost::asio::awaitable<void> run();
    boost::asio::awaitable<void> turn(bool last);
    // False: the database failed.
    boost::asio::awaitable<bool> make_one(bool now, bool& more);
    boost::asio::awaitable<bool> store(Checkpoint checkpoint, std::vector<CheckpointHead> heads);
    boost::asio::awaitable<bool> export_to_file();
    void announce(const Checkpoint& checkpoint);
    // Whether a stored checkpoint is ours. Says so when it is not.
    bool trusted(const Checkpoint& checkpoint);
    void failed(const db::Error& error);
    void file_failed(const std::string& reason);
    Deadline deadline() const { return std::min(deadline_in(limit), give_up_); }

    boost::asio::io_context& io_;
    CheckpointerOptions options_;
    AuditMetrics metrics_;
    Log& log_;
    PrivacyKeys keys_;
    CheckpointFile file_;
    db::Connection connection_;
    boost::asio::steady_timer timer_;
    static constexpr std::chrono::seconds limit{30};  // of a statement
    Deadline give_up_ = Deadline::max();
    bool stopping_ = false;
};

}  // namespace subcults::api
