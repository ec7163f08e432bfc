// The inside of the runner, shared by its two halves: the loop that decides (runner.cpp) and what
// becomes of one run (runner_runs.cpp).
#pragma once

#include "db/listener.hpp"
#include "jobs/alarm.hpp"
#include "jobs/outcome.hpp"
#include "jobs/runner.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include <exception>
#include <random>

namespace subcults::jobs {

// A run of this process, from the claim until its end has been written down.
struct Active : std::enable_shared_from_this<Active> {
    Active(const boost::asio::any_io_executor& executor, std::string_view type, std::int64_t epoch,
           Cause cause, Deadline limit)
        : run(type, epoch, cause, limit), watchdog(executor) {}

    // Ends the work early; the first reason counts. Nothing happens when it has ended already.
    void cancel(StopReason why, std::chrono::milliseconds patience);
    // Cancels when the time limit has passed or the lease is over, by our clock.
    void watch(std::chrono::milliseconds patience);

    Run run;
    boost::asio::cancellation_signal signal;
    boost::asio::steady_timer watchdog;
    SteadyClock::time_point begun = SteadyClock::now();
    SteadyClock::time_point valid_until{};  // of the lease
    SteadyClock::time_point keep_until = SteadyClock::time_point::max();
    StopReason reason = StopReason::none;
    bool keeping_failed = false;
    std::int64_t failures_before = 0;
    bool started = false;
    // Set when the work has ended:
    bool ended = false;
    double seconds = 0;
    std::exception_ptr thrown;
    std::optional<Outcome> outcome;
    bool counted = false;
};

struct Slot {
    Slot(Job given, metrics::Registry& registry)
        : job(std::move(given)), metrics(registry, job.type) {}

    // In how many seconds, as of the last look, this process may run it; nullopt = not by the
    // clock.
    std::optional<double> due_in() const noexcept;

    Job job;
    JobMetrics metrics;
    JobView seen;
    SteadyClock::time_point seen_at{};
    std::shared_ptr<Active> active;  // null = none
    bool notified = false;           // and not yet passed on to a run
    // No attempt before: the gap between runs, or a row that could not be taken.
    SteadyClock::time_point not_before{};
};

struct JobRunner::Impl : std::enable_shared_from_this<JobRunner::Impl> {
    using Self = std::shared_ptr<Impl>;

    Impl(boost::asio::io_context& io, RunnerOptions given, metrics::Registry& metric_registry,
         Log& to);

    void start();
    void abandon();
    void notify(std::string_view channel);
    bool over() const noexcept;
    bool any_active() const noexcept;
    SteadyClock::time_point next_turn() const noexcept;
    Deadline statement_deadline() const noexcept;
    void trouble(const db::Error& error);
    Slot* find(std::string_view type) noexcept;

    static boost::asio::awaitable<void> loop(Self self);
    static boost::asio::awaitable<void> turn(Self self);
    static boost::asio::awaitable<bool> enlist(Self self);
    static boost::asio::awaitable<bool> look(Self self);
    static boost::asio::awaitable<void> consider(Self self, Slot& slot);
    static boost::asio::awaitable<void> pass_on(Self self, Slot& slot);

    void begin(Slot& slot, const Claim& claim, Cause cause, SteadyClock::time_point asked_at);
    static boost::asio::awaitable<void> work(Self self, Slot& slot, std::shared_ptr<Active> active);
    void on_end(Slot& slot, const std::shared_ptr<Active>& active, std::exception_ptr thrown);
    static boost::asio::awaitable<void> keep(Self self);
    static boost::asio::awaitable<void> settle(Self self, Slot& slot);
    RunEnd run_end(const Slot& slot, const Active& active);
    void count(Slot& slot, Active& active);

    boost::asio::any_io_executor executor;
    RunnerOptions options;
    metrics::Registry& registry;
    Log& log;
    db::Pool pool;
    JobStore store;
    Alarm alarm;
    std::unique_ptr<db::Listener> listener;
    std::vector<std::unique_ptr<Slot>> slots;
    struct Listed {
        const Slot* slot = nullptr;
        const ContinuousJob* continuous = nullptr;
    };
    std::vector<Listed> listed;
    std::vector<std::string> types;
    std::mt19937_64 chance;

    bool started = false;
    bool enlisted = false;
    bool stopping = false;
    bool ended = true;
    Deadline stop_deadline{};
    boost::asio::steady_timer ended_timer;  // cancelled when the loop has ended
    SteadyClock::time_point keep_due{};
    bool troubled = false;  // in this turn
    bool trouble_logged = false;
};

}  // namespace subcults::jobs
