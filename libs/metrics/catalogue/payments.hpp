// Metrics of what Stripe tells about payments. See catalogue.hpp.
#pragma once

#include "metrics/definition.hpp"

#include <string_view>

namespace subcults::metrics::catalogue {

inline constexpr std::string_view stripe_events[] = {
    "checkout.session.completed", "payment_intent.succeeded", "payment_intent.payment_failed",
    "charge.refunded", "other"};
inline constexpr std::string_view stripe_webhook_outcomes[] = {
    "stored",        "duplicate", "ignored",     "unreadable",
    "bad_signature", "malformed", "unavailable", "other"};
inline constexpr Label stripe_webhook_labels[] = {{"event", stripe_events},
                                                  {"outcome", stripe_webhook_outcomes}};
inline constexpr CounterDef stripe_webhooks_total{{
    .scope = Scope::api,
    .name = "stripe_webhooks_total",
    .help = "Webhooks received from Stripe, by event and what became of them.",
    .labels = stripe_webhook_labels,
    .counts = "One request at its answer: `stored` is in the inbox, `duplicate` was there before, "
              "`unreadable` is signed and makes no sense, so it waits for an operator, `ignored` "
              "is of no use here; `event` is `other` for what was not read.",
}};

inline constexpr std::string_view payment_event_outcomes[] = {"applied", "put_off", "dead",
                                                              "other"};
inline constexpr Label payment_event_labels[] = {{"event", stripe_events},
                                                 {"outcome", payment_event_outcomes}};
inline constexpr CounterDef payment_events_total{{
    .scope = Scope::api,
    .name = "payment_events_total",
    .help = "Stripe's events that were processed, by event and outcome.",
    .labels = payment_event_labels,
    .counts = "One event of the inbox at the end of an attempt: `applied` is in its payment, "
              "`put_off` will be tried again, `dead` has been given up until an operator decides.",
}};

inline constexpr const Definition* payment_metrics[] = {
    &stripe_webhooks_total,
    &payment_events_total,
};

}  // namespace subcults::metrics::catalogue
