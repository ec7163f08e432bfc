#include "quality/collection.hpp"

#include "quality/mos.hpp"

#include <algorithm>
#include <tuple>

namespace subcults::api::quality {
namespace {

constexpr std::int64_t windows_to_change = 3;
constexpr std::int64_t fresh_us = 60'000'000;

// What is sent says more than what is heard, and silence says least.
int preference(const Window& window) noexcept {
    if (!window.uplink) return 1;
    return window.muted ? 0 : 2;
}

// The order in which windows happened; of what ended at the same moment the last is preferred.
bool before(const Window& a, const Window& b) noexcept {
    return std::tuple(a.measured_at, preference(a), a.seq) <
           std::tuple(b.measured_at, preference(b), b.seq);
}

// Whether there is a hole between a window and what was looked at before it.
bool after_hole(const Progress& progress, const Window& window) noexcept {
    const std::int64_t since = window.measured_at.value - progress.seen_at.value;
    return since > window.window_ms * 1000 + fresh_us;
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
    Participant(const std::string& id, const ProgressMap& known, UnixMicros now,
                Collected& collected)
        : id_(id), known_(known), now_(now), collected_(collected) {}

    void look_at(Window window) {
        const Progress* known = progress_of(window.uplink);
        if (known != nullptr && window.measured_at <= known->seen_at) return;
        Progress progress = known != nullptr ? *known : Progress();
        // It may have come in time and found nobody to collect it.
        window.late = window.late || !fresh(window.measured_at);
        if (window.late || after_hole(progress, window)) progress.streak = 0;
        if (!window.late && window.values.judged() && step(progress, window.values.poor())) {
            note_episode(window, progress);
        }
        progress.seen_at = window.measured_at;
        collected_.progress.insert_or_assign(ProgressKey(id_, window.uplink), progress);
        freshest_ = window;
    }

    void conclude() {
        if (freshest_) {
            Measurement measurement;
            measurement.participant_id = id_;
            measurement.window = *freshest_;
            measurement.mos = estimate_mos(freshest_->values);
            if (!freshest_->late && freshest_->values.poor()) ++collected_.alerts;
            collected_.measurements.push_back(std::move(measurement));
        }
        const Progress* sent = progress_of(true);
        const Progress* heard = progress_of(false);
        // Also what an earlier collection has looked at: that may have been a moment ago.
        if ((sent != nullptr && fresh(sent->seen_at)) ||
            (heard != nullptr && fresh(heard->seen_at))) {
            return;
        }
        const bool reported = sent != nullptr || heard != nullptr;
        (reported ? collected_.stale : collected_.missing).push_back(id_);
    }

  private:
    bool fresh(UnixMicros measured_at) const noexcept {
        return now_.value - measured_at.value <= fresh_us;
    }

    // As it stands; null when nothing of that direction has ever been looked at.
    const Progress* progress_of(bool uplink) const {
        const ProgressKey key(id_, uplink);
        const auto changed = collected_.progress.find(key);
        if (changed != collected_.progress.end()) return &changed->second;
        const auto known = known_.find(key);
        return known != known_.end() ? &known->second : nullptr;
    }

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
    UnixMicros now_;
    Collected& collected_;
    std::optional<Window> freshest_;
};

}  // namespace

Collected collect_windows(const std::vector<RosterEntry>& roster,
                          std::map<std::string, std::vector<Window>> windows,
                          const ProgressMap& progress, UnixMicros now) {
    Collected collected;
    for (const RosterEntry& entry : roster) {
        Participant participant(entry.participant_id, progress, now, collected);
        std::vector<Window> own;
        const auto reported = windows.find(entry.participant_id);
        if (reported != windows.end()) own = std::move(reported->second);
        if (entry.window) own.push_back(*entry.window);
        std::sort(own.begin(), own.end(), before);
        for (const Window& window : own)
            participant.look_at(window);
        participant.conclude();
    }
    return collected;
}

}  // namespace subcults::api::quality
