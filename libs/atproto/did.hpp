// Syntax of decentralised identifiers as AT Protocol restricts them: `did:method:identifier`.
//
// Only the syntax is judged: whether the method is one that the network resolves is not.
// Never throws, allocates nothing, thread-safe. Cost: one table look-up per byte.
#pragma once

#include <cstddef>
#include <string_view>

namespace subcults::atproto {

inline constexpr std::size_t max_did_bytes = 2048;

// The method is lower-case letters; the identifier letters, digits and `._:%-`, and it ends neither
// with a colon nor with a percent sign.
bool is_valid_did(std::string_view text) noexcept;

}  // namespace subcults::atproto
