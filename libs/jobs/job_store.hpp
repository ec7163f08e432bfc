// The table background_jobs: schedules, leases and results, as statements.
//
// All times are the database's: processes whose clocks differ agree about who holds what. A lease
// is taken and kept for `ttl` from the moment the statement runs, so whoever counts from before he
// sent it never believes in a lease that is over.
//
// Errors: those of the pool. Threading: the pool's. Each call is one statement that commits by
// itself.
#pragma once

#include "db/pool.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::jobs {

// What a process needs to know to decide whether to run a job.
struct JobView {
    std::string type;
    bool free = false;       // nobody's run is under way
    bool abandoned = false;  // somebody's was, and was neither ended nor kept: so it is free
    bool requested = false;
    bool notified = false;  // there was a change while a run was under way
    bool ours = false;      // nobody else has run it since this process did, or nobody has at all
    std::optional<double> due_in_seconds = {};
    std::optional<double> last_success = {};  // Unix time
};

struct Claim {
    std::int64_t epoch = 0;
    std::int64_t failures_in_a_row = 0;
    // The run before was abandoned; it began so many seconds ago.
    bool took_over = false;
    double abandoned_seconds = 0;
};

struct RunEnd {
    std::string_view result;  // success, failure, cancelled
    std::string_view error_type = {};
    std::string_view error = {};
    double seconds = 0;
    std::optional<double> next_in_seconds = {};  // nullopt = no schedule
    // The run was not one of the schedule: what was planned stays, unless the above is sooner.
    bool keeps_plan = false;
};

// A row as operators see it.
struct JobRow {
    std::string type;
    std::int64_t epoch = 0;
    bool running = false;
    std::string holder = {};
    bool requested = false;
    std::optional<UnixMicros> next_run_at = {};
    std::optional<UnixMicros> started_at = {};
    std::optional<UnixMicros> finished_at = {};
    std::optional<std::string> result = {};
    std::optional<std::string> error_type = {};
    std::optional<std::string> error = {};
    std::optional<double> duration_seconds = {};
    std::optional<UnixMicros> last_success_at = {};
    std::int64_t runs = 0;
    std::int64_t failures = 0;
    std::int64_t takeovers = 0;
};

class JobStore {
  public:
    // `holder` names this process, to operators and among all that share the database.
    JobStore(db::Pool& pool, std::string holder, std::chrono::milliseconds ttl);

    static std::vector<db::Statement> statements();

    // Makes rows of types that are new, to be run at once when they have an interval, and adapts
    // what is planned to intervals that have become shorter. Interval in seconds; nullopt = none.
    boost::asio::awaitable<db::DbResult<void>> enlist(std::vector<std::string> types,
                                                      std::vector<std::optional<double>> intervals,
                                                      Deadline deadline);
    boost::asio::awaitable<db::DbResult<std::vector<JobView>>> look(std::vector<std::string> types,
                                                                    Deadline deadline);
    // nullopt = somebody has it, or a transaction of the run before is still under way, or it is
    // not due (and not `wanted`).
    boost::asio::awaitable<db::DbResult<std::optional<Claim>>> claim(std::string type, bool wanted,
                                                                     Deadline deadline);
    // Returns the types whose lease is still ours.
    boost::asio::awaitable<db::DbResult<std::vector<std::string>>> keep(
        std::vector<std::string> types, std::vector<std::int64_t> epochs, Deadline deadline);
    // False = another process has taken it over.
    boost::asio::awaitable<db::DbResult<bool>> finish(std::string type, std::int64_t epoch,
                                                      RunEnd end, Deadline deadline);
    // A change was told while somebody's run was under way: another one is due when that has ended.
    boost::asio::awaitable<db::DbResult<void>> note_change(std::string type, Deadline deadline);
    // A run is wanted by an operator. Returns whether one is under way, which it will follow;
    // nullopt = no such row.
    boost::asio::awaitable<db::DbResult<std::optional<bool>>> request(std::string type,
                                                                      Deadline deadline);
    boost::asio::awaitable<db::DbResult<std::vector<JobRow>>> rows(std::vector<std::string> types,
                                                                   Deadline deadline);

  private:
    boost::asio::awaitable<db::DbResult<db::Rows>> run(db::Statement statement, db::Params params,
                                                       Deadline deadline);

    db::Pool& pool_;
    std::string holder_;
    double ttl_seconds_;
};

}  // namespace subcults::jobs
