// What becomes of one run: begun, kept, ended, written down.
#include "jobs/runner_impl.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <utility>

namespace subcults::jobs {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds keep_again{300};

}  // namespace

void Active::cancel(StopReason why, std::chrono::milliseconds patience) {
    if (ended || reason != StopReason::none) return;
    reason = why;
    run.stop();
    // A lease that is over or lost is nobody's to keep.
    const bool ours = why == StopReason::time_limit || why == StopReason::shutdown;
    keep_until = ours ? SteadyClock::now() + patience : SteadyClock::now();
    // What has never waited for anything cannot be woken up: work() looks by itself.
    if (started) signal.emit(asio::cancellation_type::terminal);
}

void Active::watch(std::chrono::milliseconds patience) {
    watchdog.expires_at(std::min<SteadyClock::time_point>(run.deadline(), valid_until));
    watchdog.async_wait([weak = weak_from_this(), patience](boost::system::error_code cancelled) {
        const auto self = weak.lock();
        if (!self || cancelled || self->ended) return;
        const auto now = SteadyClock::now();
        if (now >= self->valid_until) {
            self->cancel(StopReason::lease_expired, patience);
        } else if (now >= self->run.deadline()) {
            self->cancel(StopReason::time_limit, patience);
        } else {
            self->watch(patience);  // the lease has been kept meanwhile
        }
    });
}

void JobRunner::Impl::begin(Slot& slot, const Claim& claim, Cause cause,
                            SteadyClock::time_point asked_at) {
    if (claim.took_over) {
        log.warn("a run was abandoned: its process died or hung",
                 {{"job_type", slot.job.type}, {"seconds", claim.abandoned_seconds}});
        slot.metrics.error(ErrorType::timeout);
        slot.metrics.ended(false, claim.abandoned_seconds);
    }
    const Deadline limit = deadline_in(slot.job.time_limit);
    auto active = std::make_shared<Active>(executor, slot.job.type, claim.epoch, cause, limit);
    active->valid_until = asked_at + options.terms.ttl - options.terms.margin;
    active->failures_before = claim.failures_in_a_row;
    slot.active = active;
    slot.metrics.running(true);
    const auto due = SteadyClock::now() + options.terms.keep_every;
    keep_due = keep_due < SteadyClock::now() ? due : std::min(keep_due, due);
    active->watch(options.terms.patience);
    auto on_ended = [self = shared_from_this(), &slot, active](std::exception_ptr thrown) {
        self->on_end(slot, active, std::move(thrown));
    };
    auto body = work(shared_from_this(), slot, active);
    asio::co_spawn(executor, std::move(body),
                   asio::bind_cancellation_slot(active->signal.slot(), std::move(on_ended)));
}

// A coroutine of our own around the job's, so that what throws while that is being made is caught
// as well.
asio::awaitable<void> JobRunner::Impl::work([[maybe_unused]] Self self, Slot& slot,
                                            std::shared_ptr<Active> active) {
    active->started = true;
    if (active->reason == StopReason::none) co_await slot.job.work(active->run);
}

void JobRunner::Impl::on_end(Slot& slot, const std::shared_ptr<Active>& active,
                             std::exception_ptr thrown) {
    active->ended = true;
    active->seconds = std::chrono::duration<double>(SteadyClock::now() - active->begun).count();
    active->watchdog.cancel();
    slot.metrics.running(false);
    active->outcome =
        judge(active->run, active->reason, thrown, active->keeping_failed, slot.job.unexpected);
    if (thrown && active->reason == StopReason::none) {
        try {
            std::rethrow_exception(std::move(thrown));
        } catch (const std::exception& error) {
            log.error("a job threw", {{"job_type", slot.job.type}, {"what", error.what()}});
        } catch (...) {
            log.error("a job threw", {{"job_type", slot.job.type}});
        }
    }
    alarm.ring();
}

// One statement for all leases of this process. Those of runs that were cancelled are kept for a
// while too: their work has not ended.
asio::awaitable<void> JobRunner::Impl::keep(Self self) {
    const auto asked_at = SteadyClock::now();
    if (asked_at < self->keep_due) co_return;
    std::vector<std::shared_ptr<Active>> runs;
    std::vector<std::string> types;
    std::vector<std::int64_t> epochs;
    for (const auto& slot : self->slots) {
        const auto& active = slot->active;
        if (!active || active->ended || asked_at >= active->keep_until) continue;
        // This process has hung: too late, even if nobody has noticed.
        if (asked_at >= active->valid_until) {
            active->cancel(StopReason::lease_expired, self->options.terms.patience);
            continue;
        }
        runs.push_back(active);
        types.push_back(slot->job.type);
        epochs.push_back(active->run.epoch());
    }
    const LeaseTerms& terms = self->options.terms;
    if (runs.empty()) {
        self->keep_due = asked_at + terms.keep_every;
        co_return;
    }
    // Until it is answered: a lease that ends while the database is silent ends because of that.
    for (const auto& active : runs)
        active->keeping_failed = true;
    const Deadline deadline = self->statement_deadline();
    auto kept = co_await self->store.keep(std::move(types), std::move(epochs), deadline);
    if (!kept) {
        self->keep_due = SteadyClock::now() + keep_again;
        self->trouble(kept.error());
        co_return;
    }
    self->keep_due = asked_at + terms.keep_every;
    for (const auto& active : runs) {
        if (active->ended) continue;
        active->keeping_failed = false;
        const bool ours = std::ranges::find(*kept, active->run.type()) != kept->end();
        if (ours) {
            active->valid_until = asked_at + terms.ttl - terms.margin;
        } else {
            active->cancel(StopReason::lease_lost, terms.patience);
        }
    }
}

RunEnd JobRunner::Impl::run_end(const Slot& slot, const Active& active) {
    RunEnd end;
    end.result = to_string(active.outcome->result);
    end.seconds = active.seconds;
    // Such a run leaves out what the schedule is for, and there may always be another one.
    end.keeps_plan = active.run.cause() == Cause::notification;
    if (!active.outcome->failures.empty()) {
        const Failure& first = active.outcome->failures.front();
        end.error_type = to_string(first.type);
        end.error = first.detail;
    }
    if (slot.job.schedule.periodic()) {
        const bool failed = active.outcome->result == Outcome::Result::failure;
        const std::int64_t failures = failed ? active.failures_before + 1 : 0;
        const double drawn = std::uniform_real_distribution<double>(0, 1)(chance);
        const auto delay = next_delay(slot.job.schedule, failures, drawn);
        end.next_in_seconds = std::chrono::duration<double>(delay).count();
    }
    return end;
}

void JobRunner::Impl::count(Slot& slot, Active& active) {
    if (std::exchange(active.counted, true) || !active.outcome->counted()) return;
    const bool success = active.outcome->result == Outcome::Result::success;
    for (const Failure& failure : active.outcome->failures)
        slot.metrics.error(failure.type);
    slot.metrics.ended(success, active.seconds);
    if (success) {
        slot.metrics.last_success(now_micros().seconds());
        log.debug("job done", {{"job_type", slot.job.type},
                               {"cause", to_string(active.run.cause())},
                               {"seconds", active.seconds}});
        return;
    }
    const Failure& first = active.outcome->failures.front();
    log.warn("job failed", {{"job_type", slot.job.type},
                            {"error_type", to_string(first.type)},
                            {"error", first.detail},
                            {"errors", active.outcome->failures.size()},
                            {"seconds", active.seconds}});
}

// Writes down how a run ended. Until that has succeeded the job is not run here. Counted it is at
// the first attempt, unless that says that another process has taken the job over and counted it:
// an error must show while the database is away. So a run is counted twice, here as what it was and
// there as a timeout, when that attempt fails and the lease ends before another one succeeds.
asio::awaitable<void> JobRunner::Impl::settle(Self self, Slot& slot) {
    const std::shared_ptr<Active> active = slot.active;
    if (!active || !active->ended) co_return;
    bool over = true;
    if (active->outcome->stored()) {
        RunEnd end = self->run_end(slot, *active);
        const Deadline deadline = self->statement_deadline();
        auto written = co_await self->store.finish(slot.job.type, active->run.epoch(),
                                                   std::move(end), deadline);
        if (!written) self->trouble(written.error());
        over = written.has_value();
        const bool taken_over = written.has_value() && !*written;
        if (!taken_over) self->count(slot, *active);
    }
    if (active->outcome->result == Outcome::Result::lost) {
        self->log.warn("a run lost its lease to another process", {{"job_type", slot.job.type}});
    }
    if (!over) co_return;
    slot.active.reset();
    slot.not_before = SteadyClock::now() + slot.job.schedule.gap;
}

}  // namespace subcults::jobs
