#include "sim/frame_compressor.hpp"

#include <zdict.h>
#include <zstd.h>

#include <new>
#include <stdexcept>

namespace subcults::sim {
namespace {

constexpr int window_log = 17;

void check(std::size_t result) {
    if (ZSTD_isError(result)) {
        throw std::invalid_argument(std::string("zstd: ") + ZSTD_getErrorName(result));
    }
}

}  // namespace

struct FrameCompressor::Context {
    Context() : zstd(ZSTD_createCCtx()) {
        if (zstd == nullptr) throw std::bad_alloc();
    }
    ~Context() { ZSTD_freeCCtx(zstd); }
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    ZSTD_CCtx* zstd;
};

FrameCompressor::FrameCompressor(std::string_view dictionary)
    : context_(std::make_unique<Context>()),
      id_(ZDICT_getDictID(dictionary.data(), dictionary.size())) {
    if (id_ == 0) throw std::invalid_argument("this is no zstd dictionary");
    ZSTD_CCtx* const zstd = context_->zstd;
    check(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, ZSTD_CLEVEL_DEFAULT));
    check(ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, window_log));
    check(ZSTD_CCtx_loadDictionary(zstd, dictionary.data(), dictionary.size()));
}

FrameCompressor::~FrameCompressor() = default;

std::string FrameCompressor::compress(std::string_view text) {
    ZSTD_CCtx* const zstd = context_->zstd;
    const bool sized = made_ % 4 != 3;
    const bool checked = made_ % 2 == 0;
    ++made_;
    check(ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, sized ? 1 : 0));
    check(ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, checked ? 1 : 0));
    std::string out(ZSTD_compressBound(text.size()), '\0');
    const std::size_t size = ZSTD_compress2(zstd, out.data(), out.size(), text.data(), text.size());
    check(size);
    out.resize(size);
    return out;
}

}  // namespace subcults::sim
