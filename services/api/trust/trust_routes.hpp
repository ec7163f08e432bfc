// GET /trust/{scene_id}: how far a scene is trusted, and why. For anyone.
#pragma once

#include "net/router.hpp"
#include "trust/trust_scores.hpp"
#include "worker_context.hpp"

#include <string>

namespace subcults::api {

void add_trust_route(net::Router& router, WorkerContext& context);

// The body of the answer about a scene that is known (exposed for tests).
std::string trust_json(const Uuid& scene, const SceneTrust& trust);

}  // namespace subcults::api
