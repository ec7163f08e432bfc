// What a client measured of its audio over some seconds, and how it is read.
//
//     {"windows":[{"seq":7,"measured_at":"2026-01-29T02:30:00Z","window_ms":10000,
//       "direction":"uplink","bitrate_kbps":31.5,"jitter_ms":4.2,"packet_loss_percent":0,
//       "audio_level":0.12,"rtt_ms":48,"muted":false}]}
//
// seq, measured_at (the end of the window), window_ms and direction are required, and one of the
// five values at least; null is the same as absent, and never zero. A window that is not believable
// is refused as a whole, with a reason; its neighbours are not touched. Nothing is clamped. Of
// windows of one direction that end within a second, the first in the request is taken.
//
// Pure functions, thread-safe, linear in the length of their input; nesting costs nothing.
#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "http/json_body.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace subcults::api::quality {

struct Values {
    std::optional<double> bitrate_kbps;         // 0 to 1,000
    std::optional<double> jitter_ms;            // 0 to 60,000
    std::optional<double> packet_loss_percent;  // 0 to 100
    std::optional<double> audio_level;          // 0 to 1, linear
    std::optional<double> rtt_ms;               // 0 to 60,000

    bool any() const noexcept;
    // Whether there is something to call it good or poor by.
    bool judged() const noexcept;
    // Strictly above 5 %, 30 ms or 300 ms.
    bool poor() const noexcept;
    bool high_loss() const noexcept;
};

struct Window {
    std::int64_t seq = 0;    // unique per participant of a session
    UnixMicros measured_at;  // its end
    std::int64_t window_ms = 0;
    bool uplink = true;  // what the participant sends; else what it hears
    bool muted = false;
    bool late = false;  // came too long after it was measured for anybody to act on it
    Values values;
};

// How far a client's clock and ours may differ, and from when on a window is late.
inline constexpr std::int64_t late_after_us = 60'000'000;
// What is older than this is refused: nobody will collect it any more.
inline constexpr std::int64_t oldest_window_us = 600'000'000;
// Five minutes of both directions.
inline constexpr std::size_t max_windows = 64;

struct Rejection {
    std::size_t index = 0;            // in the request
    std::optional<std::int64_t> seq;  // where it could be read
    // not_an_object, unknown_field, duplicate_field, required, malformed, out_of_range,
    // in_the_future, too_old, too_dense, nothing_measured, not_present
    std::string_view reason;
    std::string_view field = {};  // a name of ours; empty where it is about the window as a whole
};

struct Report {
    std::vector<Window> windows;
    std::vector<std::size_t> positions;  // of each window in the request
    std::vector<Rejection> rejected;
};
// The error is about the request as a whole: no JSON, not this shape, no windows or too many.
Result<Report, InputError> read_report(std::string_view body, UnixMicros now);

// One window as the text of an object: what a participant's attribute `aq` holds. nullopt for
// anything that would be refused in a report.
std::optional<Window> read_attribute(std::string_view text, UnixMicros now);

}  // namespace subcults::api::quality
