// The lane's loop: queue, connection, batches. The transactions are in ledger_transaction.cpp.
#include "streams/ledger_lane.hpp"

#include "base/crash_point.hpp"
#include "streams/ledger_sql.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <iterator>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

// A database that has been away for this long is reported to callers at once instead of letting
// each of them wait for its deadline.
constexpr std::chrono::nanoseconds refuse_after = std::chrono::seconds(1);
// Skipped so often, a session is waited for instead.
constexpr int max_skips = 3;

std::int64_t steady_ns() noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               SteadyClock::now().time_since_epoch())
        .count();
}

db::ConnectionOptions lane_connection(const LedgerOptions& options, const LedgerMetrics& metrics) {
    db::ConnectionOptions connection;
    connection.uri = options.database_uri;
    connection.application_name = "subcults-api ledger";
    connection.settings = {
        {"plan_cache_mode", "force_generic_plan"},
        {"enable_seqscan", "off"},
        // Nothing is looked up twice in a batch, so remembering answers costs without a use.
        {"enable_memoize", "off"},
        {"jit", "off"},
        {"synchronous_commit", "on"},
        {"lock_timeout", "1s"},
        {"idle_in_transaction_session_timeout", "2s"},
        {"statement_timeout", std::to_string(options.statement_timeout.count()) + "ms"}};
    connection.statements.assign(ledger_sql::all.begin(), ledger_sql::all.end());
    connection.on_query = metrics.on_query;
    return connection;
}

}  // namespace

LedgerAnswers::LedgerAnswers(std::vector<asio::any_io_executor> workers, LedgerMetrics metrics,
                             std::atomic<std::size_t>& queued)
    : workers_(std::move(workers)),
      pending_(workers_.size()),
      metrics_(std::move(metrics)),
      queued_(queued) {}

void LedgerAnswers::add(LedgerTicket&& ticket, Outcome outcome) {
    const auto kind = static_cast<std::size_t>(ticket.command.kind);
    metrics_.commands[kind][ledger_outcome_index(outcome.status)]->increment();
    if (outcome.status == Outcome::Status::applied) {
        if (ticket.command.kind == CommandKind::join) metrics_.joins.increment();
        if (ticket.command.kind == CommandKind::leave) metrics_.leaves.increment();
    }
    queued_.fetch_sub(1, std::memory_order_relaxed);
    pending_[ticket.worker].push_back(Answer{std::move(ticket.done), std::move(outcome)});
}

void LedgerAnswers::flush() {
    for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
        if (pending_[worker].empty()) continue;
        asio::post(workers_[worker], [answers = std::move(pending_[worker])]() mutable {
            for (Answer& answer : answers)
                std::move(answer.done)(std::move(answer.outcome));
        });
        pending_[worker].clear();
    }
}

LedgerLane::LedgerLane(asio::io_context& io, const LedgerOptions& options, LedgerMetrics metrics,
                       std::vector<asio::any_io_executor> workers, std::atomic<std::size_t>& queued,
                       Log& log)
    : options_(options),
      log_(log),
      keys_(options.privacy_secrets),
      connection_(io.get_executor(), lane_connection(options, metrics)),
      wake_(io),
      answers_(std::move(workers), metrics, queued),
      backoff_(BackoffPolicy{std::chrono::milliseconds(50), std::chrono::milliseconds(2000)},
               static_cast<std::uint64_t>(steady_ns())),
      executor_(io.get_executor()) {}

bool LedgerLane::push(LedgerTicket& ticket) {
    const std::int64_t down_since = down_since_.load(std::memory_order_relaxed);
    if (down_since != 0 && steady_ns() - down_since > refuse_after.count()) return false;
    bool first = false;
    {
        const std::lock_guard lock(inbox_mutex_);
        if (closed_) return false;
        first = inbox_.empty();
        inbox_.push_back(std::move(ticket));
    }
    // Only the first of a burst wakes the lane: the others are found with it.
    if (first) asio::post(executor_, [this] { wake_.cancel(); });
    return true;
}

void LedgerLane::stop() noexcept {
    stopping_ = true;
    wake_.cancel();
}

asio::awaitable<void> LedgerLane::pause(std::chrono::milliseconds delay) {
    wake_.expires_after(delay);
    co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<void> LedgerLane::wait_for_work() {
    // The inbox is checked on this thread right before, and the wake-up is posted to this thread:
    // nothing can slip in between.
    wake_.expires_at(SteadyClock::time_point::max());
    co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
}

void LedgerLane::take_inbox() {
    Tickets taken;
    {
        const std::lock_guard lock(inbox_mutex_);
        taken.swap(inbox_);
    }
    std::move(taken.begin(), taken.end(), std::back_inserter(queue_));
}

void LedgerLane::answer(LedgerTicket&& ticket, Outcome::Status status) {
    Outcome outcome;
    outcome.status = status;
    answers_.add(std::move(ticket), std::move(outcome));
}

void LedgerLane::expire() {
    const auto now = SteadyClock::now();
    const auto is_late = [now](const LedgerTicket& t) { return t.command.deadline < now; };
    if (std::none_of(queue_.begin(), queue_.end(), is_late)) return;
    std::deque<LedgerTicket> kept;
    for (LedgerTicket& ticket : queue_) {
        if (is_late(ticket)) {
            answer(std::move(ticket), Outcome::Status::unavailable);
        } else {
            kept.push_back(std::move(ticket));
        }
    }
    queue_.swap(kept);
    answers_.flush();
}

void LedgerLane::refuse_all(Outcome::Status status) {
    for (LedgerTicket& ticket : queue_)
        answer(std::move(ticket), status);
    queue_.clear();
    answers_.flush();
}

asio::awaitable<bool> LedgerLane::ensure_connected() {
    if (connection_.connected()) co_return true;
    auto connected = co_await connection_.connect();
    if (connected) {
        crash_point("ledger.connected");
        if (down_since_.exchange(0) != 0) log_.info("ledger connected");
        backoff_.reset();
        co_return true;
    }
    std::int64_t expected = 0;
    if (down_since_.compare_exchange_strong(expected, steady_ns())) {
        log_.warn("ledger cannot reach the database", {{"error", connected.error().message}});
    }
    co_return false;
}

// Up to max_batch tickets; creations alone, then a session that has to be waited for alone, then
// everything else in order.
LedgerLane::Tickets LedgerLane::next_batch(bool& waiting) {
    Tickets batch;
    waiting = false;
    if (queue_.empty()) return batch;
    const LedgerTicket& front = queue_.front();
    const bool create = front.command.kind == CommandKind::create;
    waiting = front.skips >= max_skips;
    const Uuid session = front.command.session;
    Tickets passed_over;
    while (!queue_.empty() && batch.size() < options_.max_batch) {
        LedgerTicket ticket = std::move(queue_.front());
        queue_.pop_front();
        const bool fits = (ticket.command.kind == CommandKind::create) == create &&
                          (!waiting || ticket.command.session == session) &&
                          (waiting || ticket.skips < max_skips);
        Tickets& where = fits ? batch : passed_over;
        where.push_back(std::move(ticket));
    }
    // They stay in front, in their order.
    queue_.insert(queue_.begin(), std::make_move_iterator(passed_over.begin()),
                  std::make_move_iterator(passed_over.end()));
    return batch;
}

asio::awaitable<void> LedgerLane::run() {
    for (;;) {
        take_inbox();
        if (queue_.empty()) {
            if (stopping_) {
                const std::lock_guard lock(inbox_mutex_);
                if (inbox_.empty()) {
                    closed_ = true;
                    break;
                }
                continue;
            }
            // Connects before the first command needs it, and again when the database was away.
            const bool connected = co_await ensure_connected();
            if (connected) {
                if (nothing_to_do()) co_await wait_for_work();
            } else {
                const auto delay = backoff_.next();
                co_await pause(delay);
            }
            continue;
        }
        expire();
        if (queue_.empty()) continue;
        const bool connected = co_await ensure_connected();
        if (!connected) {
            const std::int64_t since = down_since_.load(std::memory_order_relaxed);
            if (stopping_ || steady_ns() - since > refuse_after.count()) {
                refuse_all(Outcome::Status::unavailable);
            } else {
                const auto delay = backoff_.next();
                co_await pause(delay);
            }
            continue;
        }
        bool waiting = false;
        Tickets batch = next_batch(waiting);
        co_await process(std::move(batch), waiting);
        answers_.flush();
    }
    connection_.close();
}

bool LedgerLane::nothing_to_do() {
    const std::lock_guard lock(inbox_mutex_);
    return queue_.empty() && inbox_.empty() && !stopping_;
}

// Runs one batch to its end: again after trouble that passes, in halves when some command is at
// fault, and never twice while it is unknown whether it has happened.
asio::awaitable<void> LedgerLane::process(Tickets tickets, bool waiting) {
    Deadline last{};
    for (const LedgerTicket& ticket : tickets)
        last = std::max(last, ticket.command.deadline);

    while (!tickets.empty()) {
        if (SteadyClock::now() > last) {
            for (LedgerTicket& t : tickets)
                answer(std::move(t), Outcome::Status::unavailable);
            co_return;
        }
        const bool connected = co_await ensure_connected();
        if (!connected) {
            const std::int64_t since = down_since_.load(std::memory_order_relaxed);
            if (steady_ns() - since > refuse_after.count()) last = {};
            const auto delay = backoff_.next();
            co_await pause(delay);
            continue;
        }
        const bool creates = tickets.front().command.kind == CommandKind::create;
        Attempt result{};
        if (creates) {
            result = co_await attempt_creates(tickets);
        } else {
            result = co_await attempt(tickets, waiting);
        }
        switch (result) {
            case Attempt::finished:
                co_return;
            case Attempt::retry: {
                const auto delay = backoff_.next();
                co_await pause(delay);
                break;
            }
            case Attempt::rejected: {
                if (tickets.size() == 1) {
                    answer(std::move(tickets.front()), Outcome::Status::failed);
                    co_return;
                }
                const auto half = tickets.begin() + static_cast<std::ptrdiff_t>(tickets.size() / 2);
                Tickets second(std::make_move_iterator(half),
                               std::make_move_iterator(tickets.end()));
                tickets.erase(half, tickets.end());
                co_await process(std::move(tickets), waiting);
                co_await process(std::move(second), waiting);
                co_return;
            }
            case Attempt::unknown: {
                answers_.metrics().unknown_outcomes.increment();
                std::vector<Outcome> outcomes = std::move(doubtful_outcomes_);
                const LedgerEffects effects = std::move(doubtful_effects_);
                std::vector<Head> heads = std::move(doubtful_heads_);
                const Deadline until = std::max(last, deadline_in(std::chrono::seconds(1)));
                const auto committed = co_await resolve(std::move(heads), until);
                if (committed && !*committed) break;  // it did not: once more
                if (committed) happened(effects, doubtful_at_);
                tell_changed(tickets, outcomes);
                for (std::size_t i = 0; i < tickets.size(); ++i) {
                    if (committed) {
                        answers_.add(std::move(tickets[i]), std::move(outcomes[i]));
                    } else {
                        answer(std::move(tickets[i]), Outcome::Status::outcome_unknown);
                    }
                }
                co_return;
            }
        }
    }
}

}  // namespace subcults::api
