// Times as an operator types them.
#pragma once

#include "base/time.hpp"

#include <optional>
#include <string_view>

namespace subcults::indexer {

// RFC 3339 (2026-01-29T02:30:00Z), or how long ago: 90s, 15m, 36h, 2d. nullopt for anything else.
std::optional<UnixMicros> parse_moment(std::string_view text, UnixMicros now) noexcept;

}  // namespace subcults::indexer
