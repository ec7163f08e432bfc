// Turns the binary frames of a compressed subscription into JSON: each is one complete zstd frame,
// made with the dictionary that client and server share.
//
// A frame may say how large it is or not; either way never more than `max_bytes` come out of it,
// so that a small frame cannot fill the memory. Checksums are verified where there are any.
//
// Threading: one per thread. Memory: the output buffer grows to the largest frame seen, at most
// `max_bytes` + padding; windows cost nothing. Cost: about 3 µs per 550-byte event (on a busy
// machine); a frame that does not say how large it is may be worked through again while the buffer
// grows.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace subcults::jetstream {

enum class DecompressFault {
    not_zstd,          // no zstd frame, or a damaged one
    wrong_dictionary,  // made with another dictionary than ours
    too_large,         // would exceed the limit
    trailing_bytes,    // more than one frame, or something behind it
};
std::string_view to_string(DecompressFault fault) noexcept;

class FrameDecompressor {
  public:
    // `dictionary`: the content of a zstd dictionary file, copied. An error completes the sentence
    // "The file …". `max_bytes` of text, at most 1 GiB.
    static Result<FrameDecompressor, std::string> make(std::string_view dictionary,
                                                       std::size_t max_bytes);
    ~FrameDecompressor();
    FrameDecompressor(FrameDecompressor&&) noexcept;
    FrameDecompressor& operator=(FrameDecompressor&&) noexcept;

    // The JSON text; valid until the next call, with at least 64 readable bytes behind it.
    Result<std::string_view, DecompressFault> decompress(std::string_view frame);

    unsigned dictionary_id() const noexcept;

  private:
    struct Impl;
    explicit FrameDecompressor(std::unique_ptr<Impl> impl) noexcept;
    std::unique_ptr<Impl> impl_;
};

}  // namespace subcults::jetstream
