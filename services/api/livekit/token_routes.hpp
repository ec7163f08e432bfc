// POST /streams/{id}/token: what a participant needs to connect to LiveKit.
//
// The ledger decides and remembers (and audits, refusals too); the token is signed here, on the
// worker, without asking LiveKit anything. It names the room and a pseudonym, is good for a few
// minutes of connecting, and lets nobody but the host be heard. Never logged.
#pragma once

#include "auth/livekit_token.hpp"
#include "net/router.hpp"
#include "worker_context.hpp"

#include <cstdint>
#include <string>

namespace subcults::api::livekit {

// Everything outlives the router.
struct TokenContext {
    WorkerContext& worker;
    auth::LiveKitSigner* signer;  // the worker's; null = no LiveKit configured: 503
    std::string url;              // ws(s)://, for clients
    std::int64_t ttl_seconds = 600;
    bool host_attributes = false;  // hosts may tell of their audio in an attribute
};

void add_token_route(net::Router& router, const net::Guard& user, TokenContext context);

}  // namespace subcults::api::livekit
