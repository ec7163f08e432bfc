#include "quality/collection.hpp"

#include "quality/mos.hpp"

#include <algorithm>
#include <tuple>

namespace subcults::api::quality {
namespace {

constexpr std::int64_t windows_to_change = 3;
constexpr std::int64_t fresh_us = 60'000'000;

// The order in which windows happened; of what ended at the same moment the last is preferred.
bool before(const Window& a, const Window& b) noexcept {
    return std::tie(a.measured_at, a.uplink, a.seq) < std::tie(b.measured_at, b.uplink, b.seq);
}

// True when this window begins or ends an episode.
bool step(Progress& progress, bool poor) noexcept {
    if (poor == progress.degraded) {
        progress.streak = 0;
        return false;
    }
    if (++progress.streak < windows_to_change) return false;
    progress.degraded = poor;
    progress.streak = 0;
    return true;
}

class Participant {
  public:
    Participant(const std::string& id, const ProgressMap& known, Collected& collected)
        : id_(id), known_(known), collected_(collected) {}

    void look_at(const Window& window) {
        const ProgressKey key(id_, window.uplink);
        const auto changed = collected_.progress.find(key);
        Progress progress;
        bool seen = true;
        if (changed != collected_.progress.end()) {
            progress = changed->second;
        } else if (const auto found = known_.find(key); found != known_.end()) {
            progress = found->second;
        } else {
            seen = false;
        }
        if (seen && window.measured_at <= progress.seen_at) return;
        progress.seen_at = window.measured_at;
        if (!window.late && step(progress, window.values.poor())) note_episode(window, progress);
        collected_.progress.insert_or_assign(key, progress);
        freshest_ = window;
    }

    void conclude(UnixMicros now) {
        if (freshest_) {
            Measurement measurement;
            measurement.participant_id = id_;
            measurement.window = *freshest_;
            measurement.mos = estimate_mos(freshest_->values);
            if (!freshest_->late && freshest_->values.poor()) ++collected_.alerts;
            collected_.measurements.push_back(std::move(measurement));
        }
        const bool fresh =
            freshest_ && !freshest_->late && now.value - freshest_->measured_at.value <= fresh_us;
        if (fresh) return;
        const bool reported = freshest_ || known_.contains(ProgressKey(id_, true)) ||
                              known_.contains(ProgressKey(id_, false));
        (reported ? collected_.stale : collected_.missing).push_back(id_);
    }

  private:
    void note_episode(const Window& window, const Progress& progress) {
        EpisodeChange change;
        change.participant_id = id_;
        change.uplink = window.uplink;
        change.began = progress.degraded;
        change.values = window.values;
        collected_.episodes.push_back(std::move(change));
    }

    const std::string& id_;
    const ProgressMap& known_;
    Collected& collected_;
    std::optional<Window> freshest_;
};

}  // namespace

Collected collect_windows(const std::vector<RosterEntry>& roster,
                          std::map<std::string, std::vector<Window>> windows,
                          const ProgressMap& progress, UnixMicros now) {
    Collected collected;
    for (const RosterEntry& entry : roster) {
        Participant participant(entry.participant_id, progress, collected);
        std::vector<Window> own;
        const auto reported = windows.find(entry.participant_id);
        if (reported != windows.end()) own = std::move(reported->second);
        if (entry.window) own.push_back(*entry.window);
        std::sort(own.begin(), own.end(), before);
        for (const Window& window : own)
            participant.look_at(window);
        participant.conclude(now);
    }
    return collected;
}

}  // namespace subcults::api::quality
