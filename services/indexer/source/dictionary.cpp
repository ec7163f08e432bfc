#include "source/dictionary.hpp"

#include <fstream>

namespace subcults::indexer {
namespace {

// Dictionaries in use have about 100 KiB; a path to something else should not fill the memory.
constexpr std::size_t max_dictionary_bytes = 4 * 1024 * 1024;

}  // namespace

Result<jetstream::FrameDecompressor, std::string> load_dictionary(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::string("cannot be opened");
    std::string content(max_dictionary_bytes + 1, '\0');
    file.read(content.data(), static_cast<std::streamsize>(content.size()));
    if (file.bad() || !file.eof())
        return std::string("is not a dictionary: unreadable or too long");
    content.resize(static_cast<std::size_t>(file.gcount()));
    return jetstream::FrameDecompressor::make(content, max_frame_bytes);
}

}  // namespace subcults::indexer
