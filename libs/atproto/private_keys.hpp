// The names under which applications keep what must never be in a public record: where somebody
// is, lives or can be reached.
#pragma once

#include <string_view>

namespace subcults::atproto {

// Whether a key of a record has one of these names in any spelling: `exact_address`,
// `exactAddress`, `EXACT-ADDRESS` are the same.
// Never throws, allocates nothing, thread-safe. Cost: at most one pass.
bool is_private_key(std::string_view key) noexcept;

}  // namespace subcults::atproto
