// Syntax of points in time in records: RFC 3339 as AT Protocol narrows it.
//
// Never throws, allocates nothing, thread-safe.
#pragma once

#include <cstddef>
#include <string_view>

namespace subcults::atproto {

inline constexpr std::size_t max_datetime_bytes = 64;

// `2026-01-29T02:30:00.123+01:00`: capital T and Z, seconds and a time zone given, an offset that
// is known (never `-00:00`), a day and time that exist, within the years 0001 to 9999 in UTC.
// What passes is read by subcults::parse_rfc3339.
bool is_valid_datetime(std::string_view text) noexcept;

}  // namespace subcults::atproto
