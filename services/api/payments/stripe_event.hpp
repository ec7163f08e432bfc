// A webhook of Stripe, read: of all it says, what a payment is made of. Pure; the signature has
// been checked before.
//
// Unknown fields are ignored, types we do not follow are `ignored`. Nothing that names a person is
// read: no customer, no address, no card.
#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "base/uuid.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace subcults::api::payments {

enum class EventKind : std::uint8_t {
    checkout_completed,  // checkout.session.completed
    intent_succeeded,    // payment_intent.succeeded
    intent_failed,       // payment_intent.payment_failed
    charge_refunded,     // charge.refunded
    other,
};
// As Stripe calls it; "other" for what is not followed.
std::string_view to_string(EventKind kind) noexcept;
EventKind event_kind(std::string_view type) noexcept;

// In the smallest unit of the currency, as Stripe counts it.
struct Money {
    std::int64_t amount = 0;
    std::string currency;  // three lower-case letters
    bool operator==(const Money&) const = default;
};

struct StripeEvent {
    std::string id;  // evt_…
    EventKind kind = EventKind::other;
    UnixMicros happened_at;  // by Stripe's clock, in whole seconds
    bool live = false;
    // What the payment is known by: its intent, else the checkout or the charge itself.
    std::string payment_id;
    Money money;
    std::int64_t amount_refunded = 0;  // of a charge, all refunds together
    // A checkout that is paid (or had nothing to pay), a charge that had been captured.
    bool settled = false;
    std::string checkout_id;
    std::string charge_id;
    std::string failure_code;
    // From the metadata `scene_id` and `event_id`, where they are UUIDs.
    std::optional<Uuid> scene;
    std::optional<Uuid> stream_event;
};

struct ReadEvent {
    enum class Fate : std::uint8_t {
        useful,
        ignored,  // of a type that is not followed, or no payment (a subscription, say)
        dead,     // one that is followed, but makes no sense; only id, kind, time and live are set
    };
    Fate fate = Fate::ignored;
    StripeEvent event;
    std::string_view reason = {};  // of a dead one: static text without data
};

// Not even an id: nothing that could be kept. `reason` is static text without data.
struct NoEvent {
    std::string_view reason;
};
Result<ReadEvent, NoEvent> read_event(std::string_view body);

}  // namespace subcults::api::payments
