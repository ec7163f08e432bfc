#include "jobs/runner.hpp"

#include "jobs/runner_impl.hpp"

#include <unistd.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace subcults::jobs {

namespace asio = boost::asio;

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds after_trouble{500};
constexpr std::chrono::milliseconds after_missed_claim{100};
constexpr std::chrono::milliseconds while_stopping{50};

db::PoolOptions pool_options(const RunnerOptions& options) {
    db::PoolOptions pool;
    pool.connection.uri = options.database_uri;
    pool.connection.application_name = options.application_name;
    pool.connection.connect_timeout = std::chrono::milliseconds(3000);
    pool.connection.settings = {{"statement_timeout", "5s"}, {"jit", "off"}};
    pool.connection.statements = JobStore::statements();
    pool.connection.on_query = options.on_query;
    pool.size = 1;  // statements are short; operators wait in line with the loop
    return pool;
}

std::optional<double> interval_seconds(const Schedule& schedule) {
    if (!schedule.periodic()) return std::nullopt;
    return std::chrono::duration<double>(schedule.interval).count();
}

}  // namespace

std::optional<double> Slot::due_in() const noexcept {
    if (!seen.due_in_seconds || seen.ours) return seen.due_in_seconds;
    return *seen.due_in_seconds + std::chrono::duration<double>(job.schedule.head_start).count();
}

std::string process_name() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0) name[0] = '?';
    return std::string(name.data()) + "/" + std::to_string(getpid());
}

JobRunner::Impl::Impl(asio::io_context& io, RunnerOptions given, metrics::Registry& metric_registry,
                      Log& to)
    : executor(io.get_executor()),
      options(std::move(given)),
      registry(metric_registry),
      log(to),
      pool(executor, pool_options(options)),
      store(pool, options.holder.empty() ? process_name() : options.holder, options.terms.ttl),
      alarm(executor),
      chance(std::random_device{}()),
      ended_timer(executor) {}

void JobRunner::Impl::start() {
    if (slots.empty()) return;
    started = true;
    ended = false;
    std::vector<std::string> channels;
    for (const auto& slot : slots) {
        const std::string& channel = slot->job.schedule.channel;
        if (!channel.empty() && std::ranges::find(channels, channel) == channels.end())
            channels.push_back(channel);
    }
    const std::weak_ptr<Impl> weak = weak_from_this();
    if (!channels.empty()) {
        db::ListenerOptions listening;
        listening.connection.uri = options.database_uri;
        listening.connection.application_name = options.application_name + " listener";
        listening.channels = channels;
        listening.on_notification = [weak](const db::Notification& notification) {
            if (const Self self = weak.lock()) self->notify(notification.channel);
        };
        // Whatever was told while nobody listened is unknown.
        listening.on_connected = [weak, channels] {
            const Self self = weak.lock();
            if (!self) return;
            for (const std::string& channel : channels)
                self->notify(channel);
        };
        listener = std::make_unique<db::Listener>(executor, std::move(listening));
        listener->start();
    }
    pool.start();
    asio::co_spawn(executor, loop(shared_from_this()), [weak](std::exception_ptr failure) {
        const Self self = weak.lock();
        if (!self) return;
        if (failure) self->log.error("the job runner ended");
        self->ended = true;
        self->ended_timer.cancel();
    });
}

void JobRunner::Impl::abandon() {
    stopping = true;
    stop_deadline = Deadline::min();
    if (listener) listener->stop();
    pool.stop();
    alarm.ring();
}

void JobRunner::Impl::notify(std::string_view channel) {
    for (const auto& slot : slots) {
        if (slot->job.schedule.channel == channel) slot->notified = true;
    }
    alarm.ring();
}

bool JobRunner::Impl::any_active() const noexcept {
    return std::ranges::any_of(slots, [](const auto& slot) { return slot->active != nullptr; });
}

bool JobRunner::Impl::over() const noexcept {
    return stopping && (!any_active() || SteadyClock::now() >= stop_deadline);
}

Deadline JobRunner::Impl::statement_deadline() const noexcept {
    const Deadline deadline = deadline_in(options.terms.statement_limit);
    return stopping ? std::min(deadline, stop_deadline) : deadline;
}

void JobRunner::Impl::trouble(const db::Error& error) {
    troubled = true;
    if (trouble_logged || stopping) return;  // the first one of a row tells enough
    trouble_logged = true;
    log.warn("jobs: the database failed", {{"error", brief(error)}});
}

Slot* JobRunner::Impl::find(std::string_view type) noexcept {
    for (const auto& slot : slots) {
        if (slot->job.type == type) return slot.get();
    }
    return nullptr;
}

// When there will be something to do: a lease to keep, a run that is due, or a look at the table.
SteadyClock::time_point JobRunner::Impl::next_turn() const noexcept {
    const auto now = SteadyClock::now();
    if (stopping) return std::min(now + while_stopping, stop_deadline);
    if (troubled) return now + after_trouble;
    auto next = now + options.terms.poll;
    if (any_active()) next = std::min(next, keep_due);
    for (const auto& slot : slots) {
        if (slot->active) continue;
        const JobView& seen = slot->seen;
        const bool asked = seen.free && (seen.requested || seen.notified || seen.abandoned);
        if (slot->notified || asked) next = std::min(next, slot->not_before);
        const std::optional<double> due_in = slot->due_in();
        if (!seen.free || !due_in) continue;
        if (*due_in > std::chrono::duration<double>(options.terms.poll).count()) continue;
        const auto due = slot->seen_at +
                         std::chrono::microseconds(static_cast<std::int64_t>(*due_in * 1e6) + 1000);
        next = std::min(next, std::max(due, slot->not_before));
    }
    return next;
}

asio::awaitable<void> JobRunner::Impl::loop(Self self) {
    while (!self->over()) {
        self->troubled = false;
        try {
            co_await turn(self);
        } catch (const std::exception& error) {
            // A bug or a lack of memory; neither may end all jobs for good.
            self->troubled = true;
            self->log.error("the job runner threw", {{"what", error.what()}});
        }
        if (!self->troubled) self->trouble_logged = false;
        if (self->over()) break;
        const auto next = self->next_turn();
        co_await self->alarm.nap_until(next);
    }
    self->pool.stop();
}

asio::awaitable<void> JobRunner::Impl::turn(Self self) {
    for (const auto& slot : self->slots)
        co_await settle(self, *slot);
    co_await keep(self);
    if (self->stopping) co_return;
    if (!self->enlisted) {
        self->enlisted = co_await enlist(self);
        if (!self->enlisted) co_return;
    }
    const bool seen = co_await look(self);
    if (!seen) co_return;
    for (const auto& slot : self->slots) {
        co_await consider(self, *slot);
        co_await keep(self);
        if (self->stopping || self->troubled) co_return;
    }
}

asio::awaitable<bool> JobRunner::Impl::enlist(Self self) {
    std::vector<std::optional<double>> intervals;
    for (const auto& slot : self->slots)
        intervals.push_back(interval_seconds(slot->job.schedule));
    const Deadline deadline = self->statement_deadline();
    auto done = co_await self->store.enlist(self->types, std::move(intervals), deadline);
    if (!done) self->trouble(done.error());
    co_return done.has_value();
}

asio::awaitable<bool> JobRunner::Impl::look(Self self) {
    const Deadline deadline = self->statement_deadline();
    auto seen = co_await self->store.look(self->types, deadline);
    if (!seen) {
        self->trouble(seen.error());
        co_return false;
    }
    const auto now = SteadyClock::now();
    for (JobView& view : *seen) {
        Slot* slot = self->find(view.type);
        if (slot == nullptr) continue;
        if (view.last_success) slot->metrics.last_success(*view.last_success);
        slot->seen = std::move(view);
        slot->seen_at = now;
    }
    // Rows that are gone (another database, a restored one) are made again.
    if (seen->size() < self->slots.size()) self->enlisted = false;
    co_return true;
}

asio::awaitable<void> JobRunner::Impl::consider(Self self, Slot& slot) {
    if (slot.active) co_return;  // under way here, or its end is not written down yet
    const JobView& seen = slot.seen;
    if (!seen.free) {
        co_await pass_on(self, slot);
        co_return;
    }
    const auto asked_at = SteadyClock::now();
    if (asked_at < slot.not_before) co_return;
    const std::optional<double> due_in = slot.due_in();
    const bool on_time = due_in && *due_in <= 0;
    const bool due = on_time || seen.abandoned || seen.requested || seen.notified;
    const bool wanted = slot.notified;
    if (!due && !wanted) co_return;
    Cause cause = Cause::notification;
    if (on_time) cause = Cause::schedule;
    if (seen.abandoned) cause = Cause::takeover;
    if (seen.requested) cause = Cause::request;

    const Deadline deadline = self->statement_deadline();
    auto claimed = co_await self->store.claim(slot.job.type, wanted, deadline);
    if (!claimed) {
        // It may have been granted all the same: then nobody runs the job until that lease is over.
        self->trouble(claimed.error());
        co_return;
    }
    if (!*claimed) {
        slot.not_before = SteadyClock::now() + after_missed_claim;
        co_await pass_on(self, slot);
        co_return;
    }
    // What is told from here on is about something that the run may not see any more.
    slot.notified = false;
    if (!self->stopping) {
        self->begin(slot, **claimed, cause, asked_at);
        co_return;
    }
    // The process was told to stop while the answer was on its way.
    RunEnd end;
    end.result = "cancelled";
    end.next_in_seconds = interval_seconds(slot.job.schedule);
    end.keeps_plan = cause == Cause::notification;
    const Deadline last = self->statement_deadline();
    auto given_back =
        co_await self->store.finish(slot.job.type, (*claimed)->epoch, std::move(end), last);
    if (!given_back) self->trouble(given_back.error());
}

// Somebody else's run is under way, and may have looked before the change that we were told of.
asio::awaitable<void> JobRunner::Impl::pass_on(Self self, Slot& slot) {
    if (!slot.notified) co_return;
    const Deadline deadline = self->statement_deadline();
    auto noted = co_await self->store.note_change(slot.job.type, deadline);
    if (noted) {
        slot.notified = false;
    } else {
        self->trouble(noted.error());
    }
}

// --- the public face -----------------------------------------------------------------------------

JobRunner::JobRunner(asio::io_context& io, RunnerOptions options, metrics::Registry& registry,
                     Log& log)
    : impl_(std::make_shared<Impl>(io, std::move(options), registry, log)) {}

JobRunner::~JobRunner() {
    impl_->abandon();
}

void JobRunner::add(Job job) {
    const bool known = std::ranges::any_of(impl_->listed, [&job](const Impl::Listed& entry) {
        return (entry.slot ? entry.slot->job.type : entry.continuous->type()) == job.type;
    });
    if (known) throw std::invalid_argument("job " + job.type + " is there already");
    if (!job.work || job.time_limit.count() <= 0)
        throw std::invalid_argument("job " + job.type + " has no work or no time for it");
    impl_->types.push_back(job.type);
    impl_->slots.push_back(std::make_unique<Slot>(std::move(job), impl_->registry));
    Impl::Listed entry;
    entry.slot = impl_->slots.back().get();
    impl_->listed.push_back(entry);
}

void JobRunner::add(const ContinuousJob& job) {
    Impl::Listed entry;
    entry.continuous = &job;
    impl_->listed.push_back(entry);
}

void JobRunner::start() {
    impl_->start();
}

asio::awaitable<void> JobRunner::stop(Deadline deadline) {
    const auto self = impl_;
    self->stopping = true;
    self->stop_deadline = deadline;
    if (self->listener) self->listener->stop();
    for (const auto& slot : self->slots) {
        if (slot->active) slot->active->cancel(StopReason::shutdown, self->options.terms.patience);
    }
    self->alarm.ring();
    while (!self->ended) {
        self->ended_timer.expires_at(Deadline::max());
        co_await self->ended_timer.async_wait(as_result);
    }
}

void JobRunner::wake(std::string_view type) {
    Slot* slot = impl_->find(type);
    if (slot == nullptr) return;
    slot->notified = true;
    impl_->alarm.ring();
}

asio::awaitable<db::DbResult<std::vector<JobStatus>>> JobRunner::list() {
    const auto self = impl_;
    std::vector<JobRow> rows;
    if (!self->types.empty()) {
        const Deadline deadline = deadline_in(self->options.terms.statement_limit);
        auto read = co_await self->store.rows(self->types, deadline);
        if (!read) co_return std::move(read).error();
        rows = std::move(*read);
    }
    std::vector<JobStatus> all;
    for (const Impl::Listed& entry : self->listed) {
        JobStatus status;
        status.continuous = entry.continuous;
        if (entry.slot != nullptr) {
            status.job = &entry.slot->job;
            status.running_here = entry.slot->active != nullptr && !entry.slot->active->ended;
            for (JobRow& row : rows) {
                if (row.type == entry.slot->job.type) status.row = std::move(row);
            }
        }
        all.push_back(std::move(status));
    }
    co_return all;
}

asio::awaitable<db::DbResult<JobRunner::Requested>> JobRunner::request(std::string type) {
    const auto self = impl_;
    const bool continuous = std::ranges::any_of(self->listed, [&type](const Impl::Listed& entry) {
        return entry.continuous != nullptr && entry.continuous->type() == type;
    });
    if (continuous) co_return Requested::continuous;
    if (self->find(type) == nullptr) co_return Requested::unknown;
    const Deadline deadline = deadline_in(self->options.terms.statement_limit);
    auto running = co_await self->store.request(type, deadline);
    if (!running) co_return std::move(running).error();
    self->alarm.ring();
    // Without a row it is run as soon as it has one.
    co_return running->value_or(false) ? Requested::after_present : Requested::soon;
}

}  // namespace subcults::jobs
