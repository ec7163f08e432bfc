// The dictionary that compressed streams are read with, from its file.
//
// Blocking file access, meant for the start of the process. Errors say what is wrong with the file.
#pragma once

#include "base/result.hpp"
#include "jetstream/frame_decompressor.hpp"

#include <cstddef>
#include <string>

namespace subcults::indexer {

// Nothing that a server sends may be larger, as received or decompressed.
inline constexpr std::size_t max_frame_bytes = 16 * 1024 * 1024;

Result<jetstream::FrameDecompressor, std::string> load_dictionary(const std::string& path);

}  // namespace subcults::indexer
