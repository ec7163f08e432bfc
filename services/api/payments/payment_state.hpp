// What a payment is, as told by Stripe's events in whatever order and however often they come.
// Pure: no clock, no database.
//
// A state is the greatest (or least) of what each event says about it, field by field, so that
// telling is commutative, associative and idempotent: any arrival of the same set of events ends in
// the same state. Where events contradict each other the one that ranks higher says it, never the
// one that came last:
//
//   amount        refunded charge > succeeded intent > checkout > failed attempt or voided charge;
//                 then the later event, then the greater id
//   refunds       the largest sum, because Stripe counts them up
//   failure code  the latest failure
//   scene, event  the latest event that names one
//
//   status        succeeded, once anything says so, for good; by its refunds partially_refunded or
//                 refunded. Else canceled, when an authorised charge was let go. Else the later of
//                 failed and pending (a checkout that is completed and not paid yet); failed when
//                 both are of the same second.
#pragma once

#include "payments/stripe_event.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace subcults::api::payments {

enum class Status : std::uint8_t {
    pending,
    failed,
    canceled,
    succeeded,
    partially_refunded,
    refunded,
};
std::string_view to_string(Status status) noexcept;

// From where something is known, by rank.
struct Origin {
    std::int64_t rank = 0;
    UnixMicros at;
    std::string event;
    auto operator<=>(const Origin&) const = default;
};

// Of what is known with equal right from every event that says it.
inline constexpr std::int64_t plain_rank = 1;

struct PaymentState {
    std::string id;
    bool live = false;
    Money money;
    Origin money_from;
    std::int64_t amount_refunded = 0;
    std::string checkout_id;
    std::string charge_id;
    std::string failure_code;
    Origin failure_from;
    std::optional<Uuid> scene;
    std::optional<Uuid> stream_event;
    Origin subject_from;
    // The first and the last of all events, the first success, the last of the others.
    std::optional<UnixMicros> first_event_at;
    std::optional<UnixMicros> last_event_at;
    std::optional<UnixMicros> pending_at;
    std::optional<UnixMicros> failed_at;
    std::optional<UnixMicros> canceled_at;
    std::optional<UnixMicros> succeeded_at;
    std::optional<UnixMicros> refunded_at;

    bool operator==(const PaymentState&) const = default;
};

// Adds what an event says. The event is about this payment, and useful.
void tell(PaymentState& state, const StripeEvent& event);

Status status_of(const PaymentState& state) noexcept;

}  // namespace subcults::api::payments
