// What Stripe's events are counted by. Safe from any thread.
#pragma once

#include "metrics/catalogue/payments.hpp"
#include "metrics/registry.hpp"
#include "payments/stripe_event.hpp"

#include <string_view>

namespace subcults::api::payments {

class PaymentMetrics {
  public:
    // The registry outlives this.
    explicit PaymentMetrics(metrics::Registry& registry) : registry_(registry) {}

    // Outcomes as the catalogue names them.
    void webhook(EventKind kind, std::string_view outcome) {
        registry_.get(metrics::catalogue::stripe_webhooks_total, {to_string(kind), outcome})
            .increment();
    }
    void event(EventKind kind, std::string_view outcome) {
        registry_.get(metrics::catalogue::payment_events_total, {to_string(kind), outcome})
            .increment();
    }

  private:
    metrics::Registry& registry_;
};

}  // namespace subcults::api::payments
