// Syntax of language tags: well-formed in the sense of BCP 47 (RFC 5646).
//
// Only the form is judged, not whether its parts are registered.
// Never throws, allocates nothing, thread-safe. Cost: one pass.
#pragma once

#include <cstddef>
#include <string_view>

namespace subcults::atproto {

inline constexpr std::size_t max_language_bytes = 256;

// `de`, `zh-Hant-TW`, `en-GB-oxendict`, `x-own`, and the irregular tags of old such as `i-default`.
// Letter case does not matter.
bool is_valid_language(std::string_view text) noexcept;

}  // namespace subcults::atproto
