// Runs background jobs, each on one process at a time of however many there are.
//
// Every process looks at the table once a second, at the time when a job is due, and when it is
// told of a change. Whoever is first takes the job's lease, runs the work on this io_context, keeps
// the lease meanwhile and writes down the result. A lease that is not kept for `ttl` is over: the
// process that had it stops its run by its own clock before that moment, and another one takes the
// job within `takeover_bound()`.
//
//   started twice        impossible: the lease is one row, taken FOR UPDATE
//   process dies         another one begins the run anew; the dead one's is counted as a failure
//   process hangs        likewise; when it comes back its run is cancelled, and what it writes in
//                        fenced transactions fails
//   database away        runs that cannot keep their lease are cancelled; results are written down
//                        later, and nothing is run until then
//   work takes too long  is cancelled at its time limit; the lease is kept until it has ended, for
//                        at most `patience`
//   shutdown             runs are cancelled, their leases given back, and another process is asked
//                        to make them up
//
// Threading: everything on one single-threaded io_context. Cost while nothing is to be done: one
// small SELECT per second. A run costs three small statements, two of which commit.
#pragma once

#include "base/log.hpp"
#include "db/pool.hpp"
#include "jobs/continuous.hpp"
#include "jobs/job.hpp"
#include "jobs/job_store.hpp"
#include "metrics/registry.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::jobs {

struct LeaseTerms {
    std::chrono::milliseconds ttl{6000};
    std::chrono::milliseconds keep_every{1500};
    // How much earlier than the database a holder takes its lease for over.
    std::chrono::milliseconds margin{500};
    // The longest time between two looks at the table.
    std::chrono::milliseconds poll{1000};
    std::chrono::milliseconds statement_limit{1500};
    // For how long the lease of a run that was cancelled is kept on, while the work ends.
    std::chrono::milliseconds patience{5000};

    // From the death of a process, or the moment at which it hangs, until another one begins the
    // run anew, when the database answers. A process that hangs keeps its connections: a fenced
    // statement of its run that is under way is waited for, however long it takes (bounded by
    // statement_timeout). One that dies does not, given fence_settings().
    std::chrono::milliseconds takeover_bound() const noexcept { return ttl + poll; }
};

struct RunnerOptions {
    std::string database_uri;  // a direct one: the runner listens and prepares statements
    std::string application_name = "subcults jobs";
    std::function<void(std::string_view statement, double seconds)> on_query = {};
    LeaseTerms terms = {};
    std::string holder = {};  // empty = process_name()
};

// A job as operators see it: how it is set up, and its row if it has been read.
struct JobStatus {
    const Job* job = nullptr;                   // of a scheduled job
    const ContinuousJob* continuous = nullptr;  // of one that is always under way
    bool running_here = false;
    std::optional<JobRow> row = {};
};

class JobRunner {
  public:
    JobRunner(boost::asio::io_context& io, RunnerOptions options, metrics::Registry& registry,
              Log& log);
    ~JobRunner();  // without stop(): leases are left to run out
    JobRunner(const JobRunner&) = delete;
    JobRunner& operator=(const JobRunner&) = delete;

    // Before start(). Throws std::invalid_argument on a type that is there already, and on a job
    // without work or without time. One with neither interval nor channel runs on request only.
    void add(Job job);
    // Only to be listed; it must outlive the runner.
    void add(const ContinuousJob& job);

    // Once. Without a scheduled job there is nothing to start, and no connection is made.
    void start();
    // Cancels runs, gives their leases back and ends, at the latest at `deadline`. Once; may be
    // called without start().
    boost::asio::awaitable<void> stop(Deadline deadline);

    // As if a notification had come for this type. Unknown types are ignored.
    void wake(std::string_view type);

    // All jobs, in the order in which they were added. Errors: those of the database.
    boost::asio::awaitable<db::DbResult<std::vector<JobStatus>>> list();

    enum class Requested {
        soon,           // it begins as soon as a process takes it
        after_present,  // one is under way; another follows it
        continuous,     // nothing to start: it is always under way
        unknown,
    };
    // Asks for a run now, on whatever process.
    boost::asio::awaitable<db::DbResult<Requested>> request(std::string type);

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

// What names this process to operators: host name and process id.
std::string process_name();

}  // namespace subcults::jobs
