// POST /internal/livekit/webhook: what LiveKit reports.
//
// Guarded by its signature and nothing else. 200 as soon as the event is stored (LiveKit holds a
// room's later events back until it is answered), or when it is of no use here; 401 when it is not
// from our LiveKit, 400 when it cannot be read, 503 (LiveKit tries again) while the database is
// away or no LiveKit is configured. A body may be as long as anywhere else: LiveKit takes a 413 for
// a delivery, so an event that is refused for its length is lost. The body itself is never stored
// or logged: it holds a secret.
#pragma once

#include "auth/webhook_signature.hpp"
#include "base/log.hpp"
#include "db/pool.hpp"
#include "livekit/livekit_metrics.hpp"
#include "net/router.hpp"

#include <functional>

namespace subcults::api::livekit {

// Everything outlives the router.
struct WebhookContext {
    db::Pool& pool;                         // the worker's
    const auth::WebhookVerifier* verifier;  // null = no LiveKit configured
    LiveKitMetrics& metrics;
    std::function<void()> wake;  // something has been stored; called on the worker
    Log& log;
};

void add_webhook_route(net::Router& router, WebhookContext context);

}  // namespace subcults::api::livekit
