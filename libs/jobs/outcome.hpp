// What a run that has ended amounts to: pure, so that every way to end is tested without a clock.
#pragma once

#include "jobs/job.hpp"

#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::jobs {

// Why the runner ended a run before its time.
enum class StopReason : std::uint8_t {
    none,
    time_limit,
    lease_expired,  // it could not be kept in time
    lease_lost,     // another process has it
    shutdown,
};

struct Outcome {
    enum class Result : std::uint8_t { success, failure, cancelled, lost };
    Result result = Result::success;
    // What is counted; empty unless `failure`. The first one is stored.
    std::vector<Failure> failures = {};

    // `cancelled` and `lost` are not: the run goes on elsewhere, and is counted there.
    bool counted() const noexcept { return result == Result::success || result == Result::failure; }
    // With `lost` somebody else writes the row.
    bool stored() const noexcept { return result != Result::lost; }
};
std::string_view to_string(Outcome::Result result) noexcept;

// `thrown` = what left the work, if anything did; `keeping_failed` = the last attempt to keep the
// lease met a database error.
Outcome judge(const Run& run, StopReason reason, std::exception_ptr thrown, bool keeping_failed,
              ErrorType unexpected);

}  // namespace subcults::jobs
