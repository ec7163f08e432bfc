// Finds out whether a server still had what we asked it to begin with.
//
// A position is the stamp of something that a server delivered, cursors are inclusive, and we ask
// for more than is missing: a server that has kept everything delivers something again that is not
// later than the position. So one event at or before the position proves that nothing is missing,
// and a stream that begins behind it proves that the server skipped, or no longer has, what lay
// between. Nothing is concluded from silence: a narrow filter may leave a stream quiet for days,
// and even then the event at the position itself would come again first.
//
// Stamps are not strictly rising, so a single late event proves nothing while the next may be an
// earlier one: the verdict falls when an event is more than a second late, or at the 64th.
// Another server stamps the same event some seconds apart, hence `tolerance`.
//
// Where it can be wrong, it errs towards the alarm: when the filter was narrowed between two runs,
// or the server has compacted the event at the position away and the rewind held no other.
//
// Plain value, not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace subcults::jetstream {

struct Gap {
    std::int64_t from_us = 0;  // the position held
    std::int64_t to_us = 0;    // the earliest event that came
    double seconds() const noexcept { return static_cast<double>(to_us - from_us) / 1e6; }
};

class GapDetector {
  public:
    static constexpr int events_needed = 64;
    static constexpr std::chrono::microseconds disorder = std::chrono::seconds(1);

    // A connection begins that resumes from `held_us`; nullopt = it does not resume.
    void begin(std::optional<std::int64_t> held_us,
               std::chrono::microseconds tolerance = {}) noexcept;

    // An event of that connection. Returns the gap once, when it is proven.
    std::optional<Gap> observe(std::int64_t time_us) noexcept;

  private:
    std::optional<std::int64_t> held_us_;  // nullopt = settled
    std::int64_t tolerance_us_ = 0;
    std::int64_t earliest_us_ = 0;
    int late_ = 0;
};

}  // namespace subcults::jetstream
