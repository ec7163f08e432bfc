// When a job runs: at an interval, on notification, or both; and how soon again after a failure.
// Pure: the caller supplies the chance.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace subcults::jobs {

struct Schedule {
    // From the end of a run to the beginning of the next one; 0 = only on notification or request.
    std::chrono::milliseconds interval{0};
    // The interval varies by up to this share of itself, up or down, so that jobs that were started
    // together do not stay together.
    double jitter = 0.1;
    // After a failure the next run comes after so long already, doubled for each further failure in
    // a row, and never later than the interval says. 0 = as after a success.
    std::chrono::milliseconds retry{0};
    // A notification on this channel of the database starts a run; empty = none does.
    std::string channel = {};
    // The least time from the end of a run to one that a notification starts: what is told in quick
    // succession is done at once.
    std::chrono::milliseconds gap{20};
    // How long after its time a run is left to the process that ran the job last, before another
    // one takes it: for work that remembers something from run to run.
    std::chrono::milliseconds head_start{0};

    bool periodic() const noexcept { return interval.count() > 0; }
};

// How long to wait after a run. `failures` = failed runs in a row, 0 after a success; `chance` is
// uniform in [0, 1). Of a schedule that is periodic.
std::chrono::milliseconds next_delay(const Schedule& schedule, std::int64_t failures,
                                     double chance) noexcept;

}  // namespace subcults::jobs
