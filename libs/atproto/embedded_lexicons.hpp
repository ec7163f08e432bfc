// The project's lexicon files (proto/lexicons) as they are, compiled in.
//
// Internal to this folder and its tests. Constant data: thread-safe, costs nothing.
#pragma once

#include <span>
#include <string_view>

namespace subcults::atproto {

struct EmbeddedLexicon {
    std::string_view path;  // below proto/lexicons: "tv/subcult/scene.json"
    std::string_view json;
};

// Sorted by path.
std::span<const EmbeddedLexicon> embedded_lexicons() noexcept;

}  // namespace subcults::atproto
