// Syntax of namespaced identifiers: a reversed domain name and a name, `tv.subcult.scene`.
//
// Never throws, allocates nothing, thread-safe. Cost: one table look-up per byte.
#pragma once

#include <cstddef>
#include <string_view>

namespace subcults::atproto {

inline constexpr std::size_t max_nsid_bytes = 317;

// At least three segments. The authority (all but the last) is at most 253 bytes of domain labels,
// the first of which does not start with a digit; the name is a letter and then at most 62 letters
// and digits.
bool is_valid_nsid(std::string_view text) noexcept;

// The part of a pattern before `.*`: one or more authority labels, by the rules above.
bool is_valid_nsid_prefix(std::string_view text) noexcept;

}  // namespace subcults::atproto
