#include "jetstream/frame_decompressor.hpp"

#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

namespace subcults::jetstream {
namespace {

constexpr std::size_t padding = 64;
constexpr std::size_t first_capacity = 64 * 1024;
constexpr std::size_t min_dictionary_bytes = 8;  // the magic number and the id
constexpr std::uint32_t frame_magic = ZSTD_MAGICNUMBER;
constexpr std::uint32_t dictionary_magic = ZSTD_MAGIC_DICTIONARY;

struct FreeDictionary {
    void operator()(ZSTD_DDict* dictionary) const noexcept { ZSTD_freeDDict(dictionary); }
};
struct FreeContext {
    void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};

// Both formats are little-endian.
bool starts_with_magic(std::string_view bytes, std::uint32_t magic) noexcept {
    if (bytes.size() < sizeof(magic)) return false;
    std::uint32_t found = 0;
    for (std::size_t i = sizeof(magic); i-- > 0;)
        found = found << 8 | static_cast<unsigned char>(bytes[i]);
    return found == magic;
}

DecompressFault fault_of(std::size_t result) noexcept {
    return ZSTD_getErrorCode(result) == ZSTD_error_dictionary_wrong
               ? DecompressFault::wrong_dictionary
               : DecompressFault::not_zstd;
}

}  // namespace

std::string_view to_string(DecompressFault fault) noexcept {
    switch (fault) {
        case DecompressFault::not_zstd:
            return "not_zstd";
        case DecompressFault::wrong_dictionary:
            return "wrong_dictionary";
        case DecompressFault::too_large:
            return "too_large";
        case DecompressFault::trailing_bytes:
            return "trailing_bytes";
    }
    return "unknown";
}

struct FrameDecompressor::Impl {
    // Room for `bytes` of text and what is readable behind it. What was there is gone.
    void reserve(std::size_t bytes) {
        if (bytes <= capacity) return;
        const std::size_t wanted = std::min(std::bit_ceil(bytes), max_bytes);
        output.reset();
        capacity = 0;
        output = std::make_unique_for_overwrite<char[]>(wanted + padding);
        capacity = wanted;
    }

    std::string_view text(std::size_t size) noexcept {
        std::memset(output.get() + size, 0, padding);
        return {output.get(), size};
    }

    // `size`: how large the text is or, of a frame that does not say so, may become at most.
    Result<std::string_view, DecompressFault> expand(std::string_view frame, std::size_t size,
                                                     bool known) {
        // Of unknown size: again with four times the room while it is too little. Streaming would
        // take one attempt, and a window of its own that is as large as the frame asks for.
        reserve(known ? size : std::min(size, first_capacity));
        for (;;) {
            const std::size_t room = known ? size : std::min(size, capacity);
            const std::size_t made =
                ZSTD_decompressDCtx(context.get(), output.get(), room, frame.data(), frame.size());
            if (!ZSTD_isError(made)) return text(made);
            if (known || ZSTD_getErrorCode(made) != ZSTD_error_dstSize_tooSmall) {
                return fault_of(made);
            }
            if (room == size) return DecompressFault::too_large;
            reserve(std::min(size, room * 4));
        }
    }

    std::unique_ptr<ZSTD_DDict, FreeDictionary> dictionary;
    std::unique_ptr<ZSTD_DCtx, FreeContext> context;
    unsigned id = 0;
    std::size_t max_bytes = 0;
    std::unique_ptr<char[]> output;
    std::size_t capacity = 0;  // of the text; padding comes on top
};

Result<FrameDecompressor, std::string> FrameDecompressor::make(std::string_view dictionary,
                                                               std::size_t max_bytes) {
    // Anything else would be taken for raw content, and each frame then fail on its own.
    if (dictionary.size() < min_dictionary_bytes ||
        !starts_with_magic(dictionary, dictionary_magic)) {
        return std::string("is no zstd dictionary");
    }
    auto impl = std::make_unique<Impl>();
    impl->max_bytes = std::clamp<std::size_t>(max_bytes, 1, std::size_t{1} << 30);
    impl->dictionary.reset(ZSTD_createDDict(dictionary.data(), dictionary.size()));
    if (!impl->dictionary) return std::string("is a damaged zstd dictionary");
    impl->id = ZSTD_getDictID_fromDDict(impl->dictionary.get());
    impl->context.reset(ZSTD_createDCtx());
    if (!impl->context) return std::string("cannot be used: out of memory");
    if (ZSTD_isError(ZSTD_DCtx_refDDict(impl->context.get(), impl->dictionary.get()))) {
        return std::string("cannot be used by this version of zstd");
    }
    impl->reserve(std::min(first_capacity, impl->max_bytes));
    return FrameDecompressor(std::move(impl));
}

FrameDecompressor::FrameDecompressor(std::unique_ptr<Impl> impl) noexcept
    : impl_(std::move(impl)) {}
FrameDecompressor::~FrameDecompressor() = default;
FrameDecompressor::FrameDecompressor(FrameDecompressor&&) noexcept = default;
FrameDecompressor& FrameDecompressor::operator=(FrameDecompressor&&) noexcept = default;

Result<std::string_view, DecompressFault> FrameDecompressor::decompress(std::string_view frame) {
    // Skippable frames and the formats of old are not among what a server sends.
    if (!starts_with_magic(frame, frame_magic)) return DecompressFault::not_zstd;
    const unsigned named = ZSTD_getDictID_fromFrame(frame.data(), frame.size());
    if (named != 0 && named != impl_->id) return DecompressFault::wrong_dictionary;
    const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
    if (size == ZSTD_CONTENTSIZE_ERROR) return DecompressFault::not_zstd;
    const bool known = size != ZSTD_CONTENTSIZE_UNKNOWN;
    if (known && size > impl_->max_bytes) return DecompressFault::too_large;
    // Follows the block headers only: what is cut off or too much shows before any work is done.
    const std::size_t end = ZSTD_findFrameCompressedSize(frame.data(), frame.size());
    if (ZSTD_isError(end)) return DecompressFault::not_zstd;
    if (end < frame.size()) return DecompressFault::trailing_bytes;
    const std::size_t most = known ? static_cast<std::size_t>(size) : impl_->max_bytes;
    return impl_->expand(frame, most, known);
}

unsigned FrameDecompressor::dictionary_id() const noexcept {
    return impl_->id;
}

}  // namespace subcults::jetstream
