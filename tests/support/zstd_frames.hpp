// Compressed frames for tests: small dictionaries made on the spot, the same ones every time, and
// frames of every shape that the format has, damaged ones included.
#pragma once

#include <zdict.h>
#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::test {

// A text of the kind that is compressed, different for every `i`.
inline std::string zstd_sample(std::size_t i) {
    std::uint64_t state = 0x9e3779b97f4a7c15U * (i + 1);
    const auto word = [&state] {
        std::string made;
        for (int letter = 0; letter < 13; ++letter) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            made.push_back("234567abcdefghijklmnopqrstuvwxyz"[state >> 59]);
        }
        return made;
    };
    return R"({"did":"did:plc:)" + word() + R"(","time_us":)" +
           std::to_string(1'783'175'888'000'000 + i) + R"(,"kind":"commit","commit":{"rev":")" +
           word() + R"(","operation":"create","collection":"tv.subcult.scene","rkey":")" + word() +
           R"(","record":{"$type":"tv.subcult.scene","name":")" + word() +
           R"(","createdAt":"2026-07-04T14:38:08.085Z"},"cid":"bafyrei)" + word() + "\"}}";
}

// A real dictionary (tables and content) with this id.
inline std::string make_zstd_dictionary(unsigned id, std::size_t first_sample = 0) {
    std::string samples;
    std::vector<std::size_t> sizes;
    for (std::size_t i = 0; i < 200; ++i) {
        const std::string sample = zstd_sample(first_sample + i);
        samples += sample;
        sizes.push_back(sample.size());
    }
    const std::string content = samples.substr(0, 2048);
    ZDICT_params_t parameters{};
    parameters.dictID = id;
    std::string dictionary(8192, '\0');
    const std::size_t size = ZDICT_finalizeDictionary(
        dictionary.data(), dictionary.size(), content.data(), content.size(), samples.data(),
        sizes.data(), static_cast<unsigned>(sizes.size()), parameters);
    if (ZDICT_isError(size)) throw std::runtime_error(ZDICT_getErrorName(size));
    dictionary.resize(size);
    return dictionary;
}

struct ZstdShape {
    bool content_size = true;
    bool checksum = false;
    bool dictionary_id = true;
    int level = 3;
};

// One frame, made with the dictionary unless that is empty.
inline std::string zstd_frame(std::string_view text, std::string_view dictionary,
                              const ZstdShape& shape = {}) {
    struct Free {
        void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
    };
    const auto check = [](std::size_t result) {
        if (ZSTD_isError(result)) throw std::runtime_error(ZSTD_getErrorName(result));
        return result;
    };
    const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
    check(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, shape.level));
    check(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, shape.content_size));
    check(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, shape.checksum));
    check(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_dictIDFlag, shape.dictionary_id));
    check(ZSTD_CCtx_loadDictionary(context.get(), dictionary.data(), dictionary.size()));
    std::string frame(ZSTD_compressBound(text.size()), '\0');
    frame.resize(
        check(ZSTD_compress2(context.get(), frame.data(), frame.size(), text.data(), text.size())));
    return frame;
}

// A frame written by hand: `blocks` times 128 KiB of one byte, four bytes each on the wire. It says
// how large it is (truthfully or not), or, with 0, keeps that to itself; its window is 2 to the
// power of `window_log`.
inline std::string zstd_bomb(std::size_t blocks, std::uint64_t declared, unsigned window_log = 17) {
    std::string frame{'\x28', '\xb5', '\x2f', '\xfd'};
    frame.push_back(declared == 0 ? '\0' : '\xc0');
    frame.push_back(static_cast<char>((window_log - 10) << 3));
    for (int byte = 0; declared != 0 && byte < 8; ++byte)
        frame.push_back(static_cast<char>(declared >> (8 * byte) & 0xff));
    for (std::size_t i = 0; i < blocks; ++i) {
        constexpr std::uint32_t run_length = 1;
        const std::uint32_t header =
            (i + 1 == blocks ? 1U : 0U) | run_length << 1 | (128U * 1024U) << 3;
        for (unsigned byte = 0; byte < 3; ++byte)
            frame.push_back(static_cast<char>(header >> (8 * byte) & 0xff));
        frame.push_back(' ');
    }
    return frame;
}

}  // namespace subcults::test
