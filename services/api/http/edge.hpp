// What stands between the network and the handlers of all workers: CORS, rate limits, security
// headers, overload. One table here says which limits hold for which route.
//
// Order for every request: CORS headers (a preflight is answered here), the general limit per
// client address, overload, then the route's own guards: authentication, then limits per user. A
// request that any of them refuses has not reached the ledger or the database.
//
// Thread-safe after construction; shared by all workers.
#pragma once

#include "http/client_address.hpp"
#include "http/cors.hpp"
#include "http/edge_config.hpp"
#include "http/rate_limit.hpp"
#include "metrics/registry.hpp"
#include "net/server.hpp"

#include <array>
#include <optional>

namespace subcults::api {

class Edge {
  public:
    // The edge must outlive the servers and routers that it is installed in.
    Edge(const EdgeConfig& config, metrics::Registry& registry);

    // Marks routes as essential and adds the limits per user. After all routes have been added;
    // throws std::logic_error when a route that has a limit of its own is not among them.
    void protect(net::Router& router);
    void configure(net::ServerOptions& options) const;
    void install(net::ServerHooks& hooks);

  private:
    std::optional<net::Response> admit(net::Request& request, const net::Route* route);

    EdgeConfig config_;
    Cors cors_;
    ClientAddress addresses_;
    RateLimits limits_;
    std::array<metrics::Counter*, net::shed_reason_count> shed_{};
};

}  // namespace subcults::api
