#include "streams/scene_counters.hpp"

#include "metrics/catalogue.hpp"

namespace subcults::api {

namespace catalogue = metrics::catalogue;

SceneCounters::Series SceneCounters::series(std::string_view label) {
    return Series{&registry_.get(catalogue::stream_scene_joins_total, {label}),
                  &registry_.get(catalogue::stream_scene_leaves_total, {label})};
}

void SceneCounters::remove(const Uuid& scene) {
    known_.erase(scene);
    const std::string label = scene.to_string();
    registry_.remove(catalogue::stream_scene_joins_total, {label});
    registry_.remove(catalogue::stream_scene_leaves_total, {label});
}

void SceneCounters::count(const Uuid& scene, LedgerEffects::Visits visits,
                          SteadyClock::time_point now) {
    const BusyScenes::Place place = busy_.note(scene, visits.joins + visits.leaves, now);
    if (place.displaced) remove(*place.displaced);
    Series to{};
    if (!place.labelled) {
        to = series("other");
    } else if (const auto found = known_.find(scene); found != known_.end()) {
        to = found->second;
    } else {
        to = known_.emplace(scene, series(scene.to_string())).first->second;
    }
    to.joins->increment(visits.joins);
    to.leaves->increment(visits.leaves);
}

}  // namespace subcults::api
