// POST /internal/stripe/webhook: what Stripe reports.
//
// Guarded by its signature and nothing else. 200 as soon as the event is committed to the inbox, or
// when it is of no use here; 401 when it is not from our account or too old, 400 when it has no id,
// 503 (Stripe tries again, for days) while the database is away or no secret is configured. An
// event that is signed but makes no sense is stored as dead and answered 200: sending it again
// would not make it better, and Stripe disables endpoints that refuse for long. The body itself is
// never stored or logged: it holds names, addresses and parts of card numbers.
#pragma once

#include "auth/stripe_signature.hpp"
#include "base/log.hpp"
#include "db/pool.hpp"
#include "net/router.hpp"
#include "payments/payment_metrics.hpp"

namespace subcults::api::payments {

// Everything outlives the router.
struct WebhookContext {
    db::Pool& pool;                        // the worker's; knows put_statements()
    const auth::StripeVerifier* verifier;  // null = no secret configured
    PaymentMetrics& metrics;
    Log& log;
};

void add_webhook_route(net::Router& router, WebhookContext context);

}  // namespace subcults::api::payments
