// Syntax of record keys: 1..512 letters, digits and `._:~-`, but neither `.` nor `..`.
//
// Never throws, allocates nothing, thread-safe. Cost: one table look-up per byte.
#pragma once

#include <cstddef>
#include <string_view>

namespace subcults::atproto {

inline constexpr std::size_t max_rkey_bytes = 512;

bool is_valid_rkey(std::string_view text) noexcept;

}  // namespace subcults::atproto
