// Makes the binary messages of a compressed subscription: one zstd frame each, made with the shared
// dictionary, window 128 KiB, default level.
//
// Frames differ in what a decoder has to cope with: some do not say how large they are, some carry
// a checksum. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace subcults::sim {

class FrameCompressor {
  public:
    // Throws std::invalid_argument when this is no zstd dictionary.
    explicit FrameCompressor(std::string_view dictionary);
    ~FrameCompressor();

    std::string compress(std::string_view text);
    unsigned dictionary_id() const noexcept { return id_; }

  private:
    struct Context;
    std::unique_ptr<Context> context_;
    unsigned id_ = 0;
    std::uint64_t made_ = 0;
};

}  // namespace subcults::sim
