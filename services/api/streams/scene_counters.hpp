// Joins and leaves by scene, for the busiest scenes; see busy_scenes.hpp for which those are.
// Belongs to the ledger's thread (rendering the metrics elsewhere is safe, as always).
#pragma once

#include "metrics/registry.hpp"
#include "streams/busy_scenes.hpp"
#include "streams/ledger_effects.hpp"

#include <unordered_map>

namespace subcults::api {

class SceneCounters {
  public:
    explicit SceneCounters(metrics::Registry& registry) : registry_(registry) {}

    void count(const Uuid& scene, LedgerEffects::Visits visits, SteadyClock::time_point now);

  private:
    struct Series {
        metrics::Counter* joins;
        metrics::Counter* leaves;
    };
    Series series(std::string_view label);
    void remove(const Uuid& scene);

    metrics::Registry& registry_;
    BusyScenes busy_;
    std::unordered_map<Uuid, Series, UuidHash> known_;
};

}  // namespace subcults::api
