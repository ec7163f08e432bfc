// The subscribe URL: what an operator configured plus what this connection asks for.
//
// Never throws except for lack of memory. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace subcults::jetstream {

// Servers refuse longer lists of collections.
inline constexpr std::size_t max_wanted_collections = 100;

// Path and query for the upgrade request. What the URL already says is kept as written, except a
// `cursor` of its own when `cursor` is given. No path means /subscribe; a fragment is dropped.
// `collections` become wantedCollections parameters unless they hold "*", are already there, or
// are more than a server takes: then it sends everything and the decoder's filter decides.
// `compressed` asks for binary zstd frames, unless the URL says something about it already.
std::string subscribe_target(std::string_view url, std::span<const std::string> collections,
                             std::optional<std::int64_t> cursor, bool compressed = false);

// Whether the URL itself says where to begin.
bool names_cursor(std::string_view url);

// Lower-case `host` or `host:port` (brackets kept around IPv6), the port as written unless it is
// the scheme's own; without user, path and query. Names the server in the cursor table.
// Empty when the URL has no host.
std::string host_key(std::string_view url);

}  // namespace subcults::jetstream
