#include "streams/busy_scenes.hpp"

#include <algorithm>

namespace subcults::api {

void BusyScenes::age(SteadyClock::time_point now) {
    if (!aged_) aged_ = now;
    if (now - *aged_ < limits_.half_life) return;
    const auto halvings = std::min<std::int64_t>((now - *aged_) / limits_.half_life, 63);
    for (auto& [scene, entry] : labelled_)
        entry.count >>= halvings;
    for (auto& [scene, entry] : watched_) {
        entry.count >>= halvings;
        entry.error >>= halvings;
    }
    std::erase_if(watched_, [](const auto& item) { return item.second.count == 0; });
    *aged_ = now;
}

BusyScenes::Watched& BusyScenes::watch(const Uuid& scene) {
    if (const auto found = watched_.find(scene); found != watched_.end()) return found->second;
    Watched entry;
    if (watched_.size() >= limits_.watched) {
        // The newcomer may have been seen as often as the one it displaces, but no more.
        const auto least = std::min_element(
            watched_.begin(), watched_.end(),
            [](const auto& a, const auto& b) { return a.second.count < b.second.count; });
        entry.count = least->second.count;
        entry.error = least->second.count;
        watched_.erase(least);
    }
    return watched_.emplace(scene, entry).first->second;
}

BusyScenes::Place BusyScenes::note(const Uuid& scene, std::uint64_t events,
                                   SteadyClock::time_point now) {
    age(now);
    Place place;
    if (const auto own = labelled_.find(scene); own != labelled_.end()) {
        own->second.count += events;
        own->second.last = now;
        place.labelled = true;
        return place;
    }
    Labelled fresh;
    fresh.last = now;
    if (labelled_.size() < limits_.labels) {
        fresh.count = events;
        labelled_.emplace(scene, fresh);
        place.labelled = true;
        return place;
    }
    Watched& entry = watch(scene);
    entry.count += events;
    fresh.count = entry.count - entry.error;
    auto quietest = labelled_.end();
    for (auto it = labelled_.begin(); it != labelled_.end(); ++it) {
        if (now - it->second.last < limits_.quiet || it->second.count >= fresh.count) continue;
        if (quietest == labelled_.end() || it->second.last < quietest->second.last) quietest = it;
    }
    if (quietest == labelled_.end()) return place;
    place.labelled = true;
    place.displaced = quietest->first;
    labelled_.erase(quietest);
    watched_.erase(scene);
    labelled_.emplace(scene, fresh);
    return place;
}

}  // namespace subcults::api
