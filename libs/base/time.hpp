// Points in time as the contract writes them: integer microseconds since 1970 and RFC 3339 UTC.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace subcults {

// A point in time in whole microseconds (PostgreSQL's resolution), so that what is hashed, stored
// and printed is one and the same value.
struct UnixMicros {
    std::int64_t value = 0;

    auto operator<=>(const UnixMicros&) const = default;
    double seconds() const noexcept { return static_cast<double>(value) / 1e6; }
};

UnixMicros now_micros() noexcept;

// RFC 3339 in UTC with `Z`. Fractions are printed only when they are not zero, without trailing
// zeros in groups of three: `2026-01-29T02:30:00Z`, `…00.123Z`, `…00.123456Z`. What RFC 3339 cannot
// express is printed as the nearest time that it can: years 0001 to 9999.
std::string format_rfc3339(UnixMicros time);

// A full RFC 3339 date-time: offset required, `T`/`t`/space and `Z`/`z` accepted, any number of
// fraction digits (further ones are cut), a leap second (60, in the last minute of a UTC day) read
// as 59.999999. Nothing else: no impossible dates, no offsets beyond 23:59, nothing that falls
// outside the years 0001 to 9999 in UTC.
std::optional<UnixMicros> parse_rfc3339(std::string_view text) noexcept;

// What code that waits takes instead of reading the clock itself, so that tests own time.
using SteadyClock = std::chrono::steady_clock;
using Deadline = SteadyClock::time_point;

inline Deadline deadline_in(SteadyClock::duration delay) noexcept {
    return SteadyClock::now() + delay;
}

}  // namespace subcults
