#include "payments/payment_state.hpp"

#include <algorithm>

namespace subcults::api::payments {
namespace {

constexpr std::int64_t rank_attempt = plain_rank;
constexpr std::int64_t rank_checkout = 2;
constexpr std::int64_t rank_intent = 3;
constexpr std::int64_t rank_charge = 4;

void earliest(std::optional<UnixMicros>& known, UnixMicros at) {
    known = known ? std::min(*known, at) : at;
}

void latest(std::optional<UnixMicros>& known, UnixMicros at) {
    known = known ? std::max(*known, at) : at;
}

std::int64_t rank_of(const StripeEvent& event) noexcept {
    switch (event.kind) {
        case EventKind::charge_refunded:
            return event.settled ? rank_charge : rank_attempt;
        case EventKind::intent_succeeded:
            return rank_intent;
        case EventKind::checkout_completed:
            return rank_checkout;
        case EventKind::intent_failed:
        case EventKind::other:
            break;
    }
    return rank_attempt;
}

void tell_outcome(PaymentState& state, const StripeEvent& event, const Origin& from) {
    const UnixMicros at = event.happened_at;
    switch (event.kind) {
        case EventKind::checkout_completed:
            if (event.settled) {
                earliest(state.succeeded_at, at);
            } else {
                latest(state.pending_at, at);
            }
            return;
        case EventKind::intent_succeeded:
            earliest(state.succeeded_at, at);
            return;
        case EventKind::intent_failed:
            latest(state.failed_at, at);
            if (state.failure_from < from) {
                state.failure_from = from;
                state.failure_code = event.failure_code;
            }
            return;
        case EventKind::charge_refunded:
            if (!event.settled) {
                latest(state.canceled_at, at);
                return;
            }
            // The payment succeeded earlier; until that is told, this is the best that is known.
            earliest(state.succeeded_at, at);
            if (event.amount_refunded > 0) latest(state.refunded_at, at);
            state.amount_refunded = std::max(state.amount_refunded, event.amount_refunded);
            return;
        case EventKind::other:
            return;
    }
}

}  // namespace

std::string_view to_string(Status status) noexcept {
    switch (status) {
        case Status::pending:
            return "pending";
        case Status::failed:
            return "failed";
        case Status::canceled:
            return "canceled";
        case Status::succeeded:
            return "succeeded";
        case Status::partially_refunded:
            return "partially_refunded";
        case Status::refunded:
            return "refunded";
    }
    return "pending";
}

void tell(PaymentState& state, const StripeEvent& event) {
    if (state.id.empty()) state.id = event.payment_id;
    Origin from;
    from.rank = rank_of(event);
    from.at = event.happened_at;
    from.event = event.id;
    if (state.money_from < from) {
        state.money_from = from;
        state.money = event.money;
    }
    from.rank = plain_rank;
    tell_outcome(state, event, from);
    if ((event.scene || event.stream_event) && state.subject_from < from) {
        state.subject_from = from;
        state.scene = event.scene;
        state.stream_event = event.stream_event;
    }
    state.live = state.live || event.live;
    state.checkout_id = std::max(state.checkout_id, event.checkout_id);
    // The charge that was refunded is the one that was paid; attempts that failed have others.
    if (event.kind != EventKind::intent_failed) {
        state.charge_id = std::max(state.charge_id, event.charge_id);
    }
    earliest(state.first_event_at, event.happened_at);
    latest(state.last_event_at, event.happened_at);
}

Status status_of(const PaymentState& state) noexcept {
    if (state.succeeded_at) {
        if (state.amount_refunded == 0) return Status::succeeded;
        return state.amount_refunded < state.money.amount ? Status::partially_refunded
                                                          : Status::refunded;
    }
    if (state.canceled_at) return Status::canceled;
    if (!state.failed_at) return Status::pending;
    return state.pending_at && *state.failed_at < *state.pending_at ? Status::pending
                                                                    : Status::failed;
}

}  // namespace subcults::api::payments
