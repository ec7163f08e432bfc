// What a host does with a stream's participants, and what it gets to see: lock, kick, mute,
// participants, analytics.
#pragma once

#include "net/router.hpp"
#include "worker_context.hpp"

namespace subcults::api {

// As add_stream_routes, which calls it.
void add_host_routes(net::Router& router, const net::RouteOptions& options, WorkerContext& context);

}  // namespace subcults::api
