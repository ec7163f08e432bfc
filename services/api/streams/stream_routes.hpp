// The endpoints under /streams.
#pragma once

#include "net/router.hpp"
#include "worker_context.hpp"

namespace subcults::api {

// Adds the routes to one worker's router. `context` must outlive it; `user` lets authenticated
// callers through.
void add_stream_routes(net::Router& router, const net::Guard& user, WorkerContext& context);

}  // namespace subcults::api
