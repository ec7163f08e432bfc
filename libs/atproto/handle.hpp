// Syntax of handles: a domain name of at least two labels whose last one starts with a letter.
//
// Either case is accepted; handles are compared in lower case. Names that may not be used on the
// network (such as `.local` ones) are still well-formed and pass.
// Never throws, allocates nothing, thread-safe. Cost: one table look-up per byte.
#pragma once

#include <cstddef>
#include <string_view>

namespace subcults::atproto {

inline constexpr std::size_t max_handle_bytes = 253;

// What services show when a handle does not resolve back to its DID: well-formed, but nobody's.
inline constexpr std::string_view unresolved_handle = "handle.invalid";

bool is_valid_handle(std::string_view text) noexcept;

}  // namespace subcults::atproto
