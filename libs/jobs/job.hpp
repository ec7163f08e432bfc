// A background job: what it is called, when it runs, how long it may take, and what it does.
//
//     jobs::Job job;
//     job.type = "trust_recompute";
//     job.schedule.interval = std::chrono::seconds(30);
//     job.schedule.channel = "subcults_trust";
//     job.time_limit = std::chrono::seconds(30);
//     job.work = [&trust](jobs::Run& run) { return trust.recompute(run); };
//
// The work is a coroutine on the runner's thread. It ends by returning; whatever went wrong it says
// to Run::fail(), as often as it likes, and goes on or returns. An exception is a failure too.
//
// When the time limit has passed, the lease is lost or the process stops, the work is cancelled:
// what it awaits ends (Asio's terminal cancellation: a query closes its connection, a wait ends
// early) and its next co_await throws. Work that awaits something which cannot be cancelled must
// have limits of its own, and look at stopping().
//
// Only one run of a type is under way at any time, whatever the number of processes. A process that
// hangs and comes back may believe otherwise for a moment: what it writes to the database must be
// fenced, by transactions that begin with begin_fenced(); what it does elsewhere must bear that.
#pragma once

#include "base/time.hpp"
#include "db/connection.hpp"
#include "jobs/job_error.hpp"
#include "jobs/schedule.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace subcults::jobs {

enum class Cause : std::uint8_t {
    schedule,      // it was time
    notification,  // somebody told of a change
    request,       // somebody asked for it
    takeover,      // the process that ran it died or hung
};
std::string_view to_string(Cause cause) noexcept;

struct Failure {
    ErrorType type = ErrorType::database_error;
    std::string detail = {};  // for operators; no data of users
};

// One run, as its work sees it. Belongs to the runner's thread.
class Run {
  public:
    // `type` must outlive the run.
    Run(std::string_view type, std::int64_t epoch, Cause cause, Deadline deadline)
        : type_(type), epoch_(epoch), cause_(cause), deadline_(deadline) {}
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    std::string_view type() const noexcept { return type_; }
    // The number of this run among all of its type, on whatever process.
    std::int64_t epoch() const noexcept { return epoch_; }
    Cause cause() const noexcept { return cause_; }
    // When it must be over: for statements and calls.
    Deadline deadline() const noexcept { return deadline_; }
    // It is to end as soon as it can.
    bool stopping() const noexcept { return stopping_; }

    // Makes the run a failure and counts the error. Ignored once the run is being stopped, because
    // then everything fails.
    void fail(ErrorType type, std::string detail);
    // What ran into the run's own deadline, be it in line for a connection, is a timeout; for the
    // rest see classify().
    // An error of begin_fenced() ends the lease, and the run counts for nothing.
    void fail(const db::Error& error) { fail(error, SteadyClock::now()); }
    void fail(const db::Error& error, SteadyClock::time_point now);

    // BEGIN, and the fence: the transaction can commit only as long as no other process has begun a
    // run of this type, and none begins before it has ended. The caller adds its statements and
    // COMMIT. The connection must know fence_statements().
    void begin_fenced(db::Pipeline& pipeline) const;

    // The runner's side.
    void stop() noexcept { stopping_ = true; }
    bool fenced_off() const noexcept { return fenced_off_; }
    const std::vector<Failure>& failures() const noexcept { return failures_; }

  private:
    std::string_view type_;
    std::int64_t epoch_;
    Cause cause_;
    Deadline deadline_;
    bool stopping_ = false;
    bool fenced_off_ = false;
    std::vector<Failure> failures_;
};

struct Job {
    std::string type;
    Schedule schedule;
    std::chrono::milliseconds time_limit{30'000};
    std::function<boost::asio::awaitable<void>(Run&)> work;
    // What an exception counts as, unless it is one of the network.
    ErrorType unexpected = ErrorType::database_error;
};

// To be prepared on connections whose pipelines are given to begin_fenced().
std::vector<db::Statement> fence_statements();
// And their settings: what a transaction of a process that is gone holds, the fence included, it
// lets go within seconds. Without them it would do so when its statement has ended.
std::vector<std::pair<std::string, std::string>> fence_settings();

// Whether a transaction failed because another run has begun since.
bool is_fenced_off(const db::Error& error) noexcept;

}  // namespace subcults::jobs
