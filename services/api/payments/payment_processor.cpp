#include "payments/payment_processor.hpp"

#include "jobs/fenced.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace subcults::api::payments {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t events_at_once = 256;
constexpr std::int64_t pruned_at_once = 1000;
constexpr std::chrono::seconds first_pause{5};
constexpr std::chrono::seconds longest_pause{900};

std::vector<std::string_view> payment_ids(const std::vector<WaitingEvent>& events) {
    std::set<std::string_view> ids;
    for (const WaitingEvent& item : events)
        ids.insert(item.event.payment_id);
    return {ids.begin(), ids.end()};
}

std::vector<std::string_view> event_ids(const std::vector<WaitingEvent>& events) {
    std::vector<std::string_view> ids;
    ids.reserve(events.size());
    for (const WaitingEvent& item : events)
        ids.push_back(item.event.id);
    return ids;
}

// What the payments are once these events have been told, given what they were.
std::vector<PaymentState> told(const db::Rows& rows, const std::vector<WaitingEvent>& events) {
    std::map<std::string, PaymentState> payments;
    for (int row = 0; row < rows.size(); ++row) {
        PaymentState state = read_payment(rows, row);
        std::string id = state.id;
        payments.emplace(std::move(id), std::move(state));
    }
    for (const WaitingEvent& item : events)
        tell(payments[item.event.payment_id], item.event);
    std::vector<PaymentState> states;
    states.reserve(payments.size());
    for (auto& [id, state] : payments)
        states.push_back(std::move(state));
    return states;
}

// What the event itself can cause, be it by a rule of an operator's own (P0, RAISE in a trigger).
bool by_the_event(const db::Error& error) noexcept {
    return !jobs::is_fenced_off(error) && (error.of_the_data() || error.is_class("P0"));
}

}  // namespace

std::chrono::seconds retry_pause(std::int64_t attempts) noexcept {
    std::chrono::seconds pause = first_pause;
    for (std::int64_t i = 1; i < attempts && pause < longest_pause; ++i)
        pause *= 2;
    return std::min(pause, longest_pause);
}

std::vector<db::Statement> PaymentProcessor::statements() {
    return {payment_sql::waiting, payment_sql::lock,    payment_sql::store,
            payment_sql::done,    payment_sql::put_off, payment_sql::prune};
}

asio::awaitable<void> PaymentProcessor::run(jobs::Run& run) {
    std::size_t applied = 0;
    while (!run.stopping()) {
        auto events = co_await waiting(run);
        if (!events) co_return;
        if (events->empty()) break;
        const Applied result = co_await apply(run, *events);
        if (result.verdict == Applied::Verdict::trouble) co_return;
        if (result.verdict == Applied::Verdict::yes) {
            applied += events->size();
            continue;
        }
        const bool going = co_await one_by_one(run, std::move(*events));
        if (!going) co_return;
    }
    if (applied > 0) log_.info("payments processed", {{"events", applied}});
    if (run.cause() != jobs::Cause::notification) co_await prune(run);
}

asio::awaitable<std::optional<std::vector<WaitingEvent>>> PaymentProcessor::waiting(
    jobs::Run& run) {
    db::Params params;
    params.int8(events_at_once);
    auto rows = co_await pool_.read(payment_sql::waiting, std::move(params), run.deadline());
    if (!rows) {
        run.fail(rows.error());
        co_return std::nullopt;
    }
    co_return read_waiting(*rows);
}

PaymentProcessor::Applied PaymentProcessor::judge(jobs::Run& run, db::Error error) {
    Applied result;
    if (by_the_event(error)) {
        result.verdict = Applied::Verdict::refused;
        result.refusal = std::move(error);
    } else {
        run.fail(error);
    }
    return result;
}

// In one transaction: the payments as they are, what the events make of them, and the marks.
asio::awaitable<PaymentProcessor::Applied> PaymentProcessor::apply(
    jobs::Run& run, const std::vector<WaitingEvent>& events) {
    Applied result;
    db::Params which;
    which.text_array(payment_ids(events));
    db::Pipeline reading;
    run.begin_fenced(reading);
    const std::size_t position = reading.size();
    reading.add(payment_sql::lock, std::move(which));
    auto lease = co_await pool_.acquire(run.deadline());
    if (!lease) {
        run.fail(lease.error());
        co_return result;
    }
    auto read = co_await (*lease)->run("payment_read", std::move(reading), run.deadline());
    if (!read) {
        run.fail(read.error());
        co_return result;
    }
    // The pool replaces a connection that comes back with its transaction open.
    if (!read->ok()) co_return judge(run, std::move(*read->error));

    const std::vector<PaymentState> payments = told(read->rows[position], events);
    db::Params marks;
    marks.text_array(event_ids(events));
    db::Pipeline writing;
    writing.add(payment_sql::store, store_params(payments));
    writing.add(payment_sql::done, std::move(marks)).command("COMMIT");
    auto written = co_await (*lease)->run("payment_write", std::move(writing), run.deadline());
    if (!written) {
        run.fail(written.error());
        co_return result;
    }
    if (!written->ok()) co_return judge(run, std::move(*written->error));
    for (const WaitingEvent& item : events)
        metrics_.event(item.event.kind, "applied");
    result.verdict = Applied::Verdict::yes;
    co_return result;
}

// False when there is trouble. The events after one that was refused wait, if they are about the
// same payment.
asio::awaitable<bool> PaymentProcessor::one_by_one(jobs::Run& run,
                                                   std::vector<WaitingEvent> events) {
    std::set<std::string> held;
    for (WaitingEvent& item : events) {
        if (run.stopping()) co_return false;
        if (held.contains(item.event.payment_id)) continue;
        std::vector<WaitingEvent> alone;
        alone.push_back(item);
        const Applied result = co_await apply(run, alone);
        if (result.verdict == Applied::Verdict::trouble) co_return false;
        if (result.verdict == Applied::Verdict::yes) continue;
        held.insert(item.event.payment_id);
        const bool noted = co_await put_off(run, item, result.refusal);
        if (!noted) co_return false;
    }
    co_return true;
}

asio::awaitable<bool> PaymentProcessor::put_off(jobs::Run& run, const WaitingEvent& item,
                                                const db::Error& refusal) {
    const std::chrono::duration<double> pause = retry_pause(item.attempts + 1);
    db::Params params;
    params.text(item.event.id).float8(pause.count()).int8(max_attempts).text(jobs::brief(refusal));
    run.fail(refusal);
    auto rows = co_await jobs::run_fenced(pool_, run, payment_sql::put_off, std::move(params));
    if (!rows) co_return false;
    const bool dead = !rows->empty() && rows->boolean(0, 0);
    metrics_.event(item.event.kind, dead ? "dead" : "put_off");
    log_.warn("event of Stripe could not be applied", {{"event_id", item.event.id},
                                                       {"type", to_string(item.event.kind)},
                                                       {"attempts", item.attempts + 1},
                                                       {"dead", dead},
                                                       {"error", jobs::brief(refusal)}});
    co_return true;
}

asio::awaitable<void> PaymentProcessor::prune(jobs::Run& run) {
    for (;;) {
        if (run.stopping()) co_return;
        db::Params params;
        params.int8(pruned_at_once);
        auto done = co_await jobs::run_fenced(pool_, run, payment_sql::prune, std::move(params));
        if (!done || done->affected() < pruned_at_once) co_return;
    }
}

}  // namespace subcults::api::payments
