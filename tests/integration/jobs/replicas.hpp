// Replicas of a service in one process: each has an event loop of its own, so that a test decides
// who goes on and who hangs.
#pragma once

#include "db/pool.hpp"
#include "jobs/fenced.hpp"
#include "jobs/runner.hpp"
#include "metrics/catalogue.hpp"
#include "support/postgres.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace subcults::test {

namespace asio = boost::asio;

inline constexpr std::string_view job_type = "trust_recompute";

inline jobs::LeaseTerms quick_terms() {
    jobs::LeaseTerms terms;
    terms.ttl = std::chrono::milliseconds(1500);
    terms.keep_every = std::chrono::milliseconds(200);
    terms.margin = std::chrono::milliseconds(200);
    terms.poll = std::chrono::milliseconds(100);
    terms.statement_limit = std::chrono::milliseconds(500);
    terms.patience = std::chrono::milliseconds(500);
    return terms;
}

// What work of all replicas has done, told by the work itself.
struct World {
    int running = 0;
    int most_at_once = 0;
    int begun = 0;
    int done = 0;
    std::vector<jobs::Cause> causes;
};

class Inside {
  public:
    Inside(World& world, const jobs::Run& run) : world_(world) {
        ++world_.begun;
        world_.causes.push_back(run.cause());
        world_.most_at_once = std::max(world_.most_at_once, ++world_.running);
    }
    ~Inside() { --world_.running; }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

  private:
    World& world_;
};

// Work that takes a while.
inline asio::awaitable<void> busy(World& world, jobs::Run& run, std::chrono::milliseconds time) {
    const Inside inside(world, run);
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, time);
    co_await timer.async_wait(asio::use_awaitable);
    ++world.done;
}

inline constexpr std::chrono::hours for_ever{1};

inline jobs::Job job_of(World& world, std::chrono::milliseconds time,
                        std::chrono::milliseconds interval = std::chrono::hours(1)) {
    jobs::Job job;
    job.type = job_type;
    job.schedule.interval = interval;
    job.schedule.jitter = 0;
    job.time_limit = std::chrono::seconds(30);
    job.work = [&world, time](jobs::Run& run) { return busy(world, run, time); };
    return job;
}

class Replica {
  public:
    Replica(const TestDatabase& database, std::string name, jobs::Job job,
            std::vector<db::Statement> statements = {})
        : Replica(database.url(), std::move(name), std::move(job), std::move(statements)) {}
    Replica(const std::string& url, std::string name, jobs::Job job,
            std::vector<db::Statement> statements = {})
        : pool_(io_.get_executor(), pool_options(url, std::move(statements))) {
        jobs::RunnerOptions options;
        options.database_uri = url;
        options.application_name = "replica " + name;
        options.terms = quick_terms();
        options.holder = std::move(name);
        runner_ = std::make_unique<jobs::JobRunner>(io_, std::move(options), registry_, log_);
        runner_->add(std::move(job));
    }
    ~Replica() {
        runner_.reset();
        pool_.stop();
    }

    void start() {
        pool_.start();
        runner_->start();
    }
    asio::io_context& io() noexcept { return io_; }
    jobs::JobRunner& runner() noexcept { return *runner_; }
    db::Pool& pool() noexcept { return pool_; }

    std::uint64_t runs(std::string_view status) {
        return registry_.get(metrics::catalogue::background_jobs_total, {job_type, status}).value();
    }
    std::uint64_t errors(std::string_view type) {
        return registry_.get(metrics::catalogue::background_job_errors_total, {job_type, type})
            .value();
    }
    double last_success() {
        return registry_
            .get(metrics::catalogue::background_job_last_success_timestamp_seconds, {job_type})
            .value();
    }
    double running() {
        return registry_.get(metrics::catalogue::background_job_running, {job_type}).value();
    }

  private:
    static db::PoolOptions pool_options(const std::string& url,
                                        std::vector<db::Statement> statements) {
        db::PoolOptions options;
        options.connection.uri = url;
        options.connection.application_name = "replica's work";
        options.connection.settings = jobs::fence_settings();
        options.connection.statements = std::move(statements);
        for (const db::Statement& statement : jobs::fence_statements())
            options.connection.statements.push_back(statement);
        options.size = 1;
        return options;
    }

    asio::io_context io_{1};
    metrics::Registry registry_{metrics::Scope::api};
    Log log_{"jobs", LogLevel::off};
    db::Pool pool_;
    std::unique_ptr<jobs::JobRunner> runner_;
};

// Lets these replicas go on, and no others, until the condition holds; false when it never did.
inline bool until(const std::vector<Replica*>& alive, const std::function<bool()>& condition,
                  std::chrono::milliseconds limit = std::chrono::seconds(30)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= end) return false;
        for (Replica* replica : alive) {
            replica->io().restart();
            replica->io().run_one_for(std::chrono::milliseconds(1));
            replica->io().poll();
        }
    }
    return true;
}

// Runs a coroutine to its end while these replicas go on.
template <class T>
T finish(Replica& replica, asio::awaitable<T> body, std::vector<Replica*> alive = {}) {
    std::optional<T> value;
    std::exception_ptr failed;
    asio::co_spawn(replica.io(), std::move(body), [&](std::exception_ptr thrown, T result) {
        failed = thrown;
        if (!thrown) value.emplace(std::move(result));
    });
    alive.push_back(&replica);
    const bool done = until(alive, [&] { return value.has_value() || failed; });
    if (failed) std::rethrow_exception(failed);
    if (!done) throw std::runtime_error("the coroutine did not end in time");
    return std::move(*value);
}

inline void stop(Replica& replica, std::vector<Replica*> alive = {}) {
    bool stopped = false;
    const Deadline deadline = deadline_in(std::chrono::seconds(10));
    asio::co_spawn(replica.io(), replica.runner().stop(deadline),
                   [&stopped](std::exception_ptr) { stopped = true; });
    alive.push_back(&replica);
    if (!until(alive, [&] { return stopped; })) throw std::runtime_error("did not stop");
}

// A value of the job's row.
inline std::string row(const TestDatabase& database, const std::string& column) {
    return database.execute("SELECT " + column + " FROM background_jobs WHERE job_type = '" +
                            std::string(job_type) + "'");
}

}  // namespace subcults::test
