// What one collection makes of a roster and of the windows that have come: which measurements are
// written, who is stale or missing, which samples are poor, and where a degradation begins.
//
// A window is looked at once. Per participant and direction the newest one that has been looked at
// is remembered (`Progress`); older ones that come later stay among the reports. Of the new windows
// of a participant the freshest becomes the measurement; when several end at the same moment, what
// it sends comes before what it hears, unless it is muted: of somebody who is silent, what it hears
// says more. All of them, in their order, drive the episodes: three poor windows in a row begin
// one, three good ones end it. A window without loss, jitter and round trip says neither, and
// windows with a hole of more than a minute between them are not in a row.
//
// Late windows, by when they came or by when they are collected, are measurements like others, but
// neither poor samples nor part of an episode, in which they leave a hole.
//
// Decisions only; no clock, no I/O.
#pragma once

#include "quality/window.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace subcults::api::quality {

struct RosterEntry {
    std::string participant_id;
    // A window that came with the roster itself (LiveKit's participant attribute).
    std::optional<Window> window = {};
};

using ProgressKey = std::pair<std::string, bool>;  // participant, uplink
struct Progress {
    UnixMicros seen_at;       // measured_at of the newest window that was looked at
    std::int64_t streak = 0;  // windows in a row that contradict `degraded`
    bool degraded = false;
    bool operator==(const Progress&) const = default;
};
using ProgressMap = std::map<ProgressKey, Progress>;

struct Measurement {
    std::string participant_id;
    Window window;  // `late` also when it was collected too long after it was measured
    std::optional<double> mos;
};

struct EpisodeChange {
    std::string participant_id;
    bool uplink = true;
    bool began = true;  // else it ended
    Values values;      // of the window that decided it
};

struct Collected {
    std::vector<Measurement> measurements;  // at most one per participant, in the roster's order
    ProgressMap progress;                   // only what has changed
    std::vector<EpisodeChange> episodes;
    std::size_t alerts = 0;            // poor samples among the measurements, late ones not counted
    std::vector<std::string> stale;    // have reported, but nothing of the last minute
    std::vector<std::string> missing;  // have not reported
};

// `windows` by participant, in any order. Who is not in the roster is not looked at. The roster
// names nobody twice.
Collected collect_windows(const std::vector<RosterEntry>& roster,
                          std::map<std::string, std::vector<Window>> windows,
                          const ProgressMap& progress, UnixMicros now);

}  // namespace subcults::api::quality
