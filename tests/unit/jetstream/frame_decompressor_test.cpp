#include "jetstream/frame_decompressor.hpp"
#include "frames.hpp"
#include "jetstream/decoder.hpp"
#include "support/skip.hpp"
#include "support/zstd_frames.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include <sys/resource.h>

using namespace subcults::jetstream;
using namespace subcults::test;

namespace {

constexpr std::size_t mebibyte = 1024 * 1024;
constexpr unsigned small_id = 40'001;

FrameDecompressor make(std::string_view dictionary, std::size_t max_bytes = mebibyte) {
    auto made = FrameDecompressor::make(dictionary, max_bytes);
    REQUIRE(made.has_value());
    return std::move(*made);
}

const std::string& small_dictionary() {
    static const std::string made = make_zstd_dictionary(small_id);
    return made;
}

// The text, or nothing after the expected fault.
std::string text_of(FrameDecompressor& decompressor, std::string_view frame) {
    const auto text = decompressor.decompress(frame);
    REQUIRE(text.has_value());
    // What is behind the text can be read, and does not look like more of it.
    const char* const behind = text->data() + text->size();
    CHECK(std::all_of(behind, behind + 64, [](char byte) { return byte == '\0'; }));
    return std::string(*text);
}

std::optional<DecompressFault> fault_of(FrameDecompressor& decompressor, std::string_view frame) {
    const auto text = decompressor.decompress(frame);
    if (text.has_value()) return std::nullopt;
    return text.error();
}

// Text that does not compress to nothing: none of it is in the dictionary.
std::string prose(std::size_t bytes) {
    std::string text;
    for (std::size_t i = 5000; text.size() < bytes; ++i)
        text += zstd_sample(i);
    text.resize(bytes);
    return text;
}

long peak_memory_kib() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

std::string real_dictionary() {
    std::vector<std::filesystem::path> folders;
    if (const char* configured = std::getenv("SUBCULTS_SHARED_DATA")) {
        folders.push_back(std::filesystem::path(configured) / "jetstream");
    }
    folders.push_back(std::filesystem::path(SUBCULTS_SOURCE_DIR) / "../shared/data/jetstream");
    for (const std::filesystem::path& folder : folders) {
        std::ifstream file(folder / "v1_subscribe.zdict", std::ios::binary);
        if (!file) continue;
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }
    return {};
}

}  // namespace

TEST_CASE("Real events made with the real dictionary come out byte for byte") {
    const std::vector<std::string> lines = test::real_frames();
    const std::string dictionary = real_dictionary();
    if (lines.empty() || dictionary.empty()) {
        return report_skipped("no recorded events or no dictionary on this machine");
    }
    FrameDecompressor decompressor = make(dictionary);
    CHECK(decompressor.dictionary_id() == 1'612'007'021);
    Decoder decoder{CollectionFilter({})};
    std::size_t text_bytes = 0;
    std::size_t wire_bytes = 0;
    for (const std::string& line : lines) {
        const std::string frame = zstd_frame(line, dictionary);
        CHECK(text_of(decompressor, frame) == line);
        // What comes out is padded as the decoder wants it.
        const auto text = decompressor.decompress(frame);
        const auto event = decoder.decode(*text, true);
        CHECK(event.has_value());
        text_bytes += line.size();
        wire_bytes += frame.size();
    }
    const double ratio = static_cast<double>(text_bytes) / static_cast<double>(wire_bytes);
    WARN("compression ratio of " << lines.size() << " real events: " << ratio);
    CHECK(ratio > 2.0);
}

TEST_CASE("Frames of every shape come out as they went in") {
    FrameDecompressor decompressor = make(small_dictionary());
    CHECK(decompressor.dictionary_id() == small_id);
    for (const std::size_t size : {0U, 1U, 63U, 550U, 65'535U, 65'536U, 65'537U, 300'000U}) {
        const std::string text = prose(size);
        for (int shape = 0; shape < 16; ++shape) {
            ZstdShape wanted;
            wanted.content_size = (shape & 1) != 0;
            wanted.checksum = (shape & 2) != 0;
            wanted.dictionary_id = (shape & 4) != 0;
            wanted.level = (shape & 8) != 0 ? 1 : 9;
            INFO(size << " bytes, shape " << shape);
            CHECK(text_of(decompressor, zstd_frame(text, small_dictionary(), wanted)) == text);
        }
    }
}

TEST_CASE("A frame made without any dictionary is a frame like others") {
    FrameDecompressor decompressor = make(small_dictionary());
    CHECK(text_of(decompressor, zstd_frame("plain", "")) == "plain");
}

TEST_CASE("The limit is exact, whether a frame says how large it is or not") {
    FrameDecompressor decompressor = make(small_dictionary(), 100'000);
    for (const bool declared : {true, false}) {
        ZstdShape shape;
        shape.content_size = declared;
        const std::string fits = prose(100'000);
        CHECK(text_of(decompressor, zstd_frame(fits, small_dictionary(), shape)) == fits);
        CHECK(fault_of(decompressor, zstd_frame(prose(100'001), small_dictionary(), shape)) ==
              DecompressFault::too_large);
    }
}

TEST_CASE("A bomb is refused and costs no memory") {
    FrameDecompressor decompressor = make(small_dictionary());
    constexpr std::size_t blocks = 16'384;
    constexpr std::uint64_t two_gibibytes = std::uint64_t{blocks} * 128 * 1024;
    const std::string silent = zstd_bomb(blocks, 0);
    const std::string honest = zstd_bomb(blocks, two_gibibytes);
    // Says that it is small and goes on and on.
    const std::string liar = zstd_bomb(blocks, 1000);
    // Speaks of a window of 128 MiB, or of a text that is larger than any memory.
    const std::string wide = zstd_bomb(1, 0, 27);
    const std::string boaster = zstd_bomb(1, std::uint64_t{1} << 62);
    REQUIRE(silent.size() < 70'000);

    const long before = peak_memory_kib();
    CHECK(fault_of(decompressor, silent) == DecompressFault::too_large);
    CHECK(fault_of(decompressor, honest) == DecompressFault::too_large);
    CHECK(fault_of(decompressor, liar) == DecompressFault::not_zstd);
    CHECK(text_of(decompressor, wide) == std::string(128 * 1024, ' '));
    CHECK(fault_of(decompressor, boaster) == DecompressFault::too_large);
    CHECK(peak_memory_kib() - before < 32 * 1024);
    // The same bomb with few enough blocks is no bomb: it is the size that is refused.
    CHECK(text_of(decompressor, zstd_bomb(8, 0)) == std::string(mebibyte, ' '));
    CHECK(text_of(decompressor, zstd_bomb(8, mebibyte)) == std::string(mebibyte, ' '));
}

TEST_CASE("Every truncation of a frame is refused") {
    FrameDecompressor decompressor = make(small_dictionary());
    for (const bool declared : {true, false}) {
        ZstdShape shape;
        shape.content_size = declared;
        shape.checksum = true;
        const std::string frame = zstd_frame(prose(2000), small_dictionary(), shape);
        for (std::size_t size = 0; size < frame.size(); ++size) {
            INFO(size);
            CHECK(fault_of(decompressor, std::string_view(frame).substr(0, size)) ==
                  DecompressFault::not_zstd);
        }
    }
}

TEST_CASE("Every damaged byte of a frame with a checksum is found") {
    FrameDecompressor decompressor = make(small_dictionary());
    for (const bool declared : {true, false}) {
        ZstdShape shape;
        shape.content_size = declared;
        shape.checksum = true;
        const std::string text = prose(600);
        const std::string frame = zstd_frame(text, small_dictionary(), shape);
        for (std::size_t at = 0; at < frame.size(); ++at) {
            for (int bit = 0; bit < 8; ++bit) {
                std::string damaged = frame;
                damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
                const auto result = decompressor.decompress(damaged);
                INFO("bit " << bit << " of byte " << at);
                // A header may say the same in another way; a different text never passes.
                if (result.has_value()) CHECK(*result == text);
            }
        }
        std::string damaged = frame;
        damaged.back() = static_cast<char>(damaged.back() ^ 1);
        CHECK(fault_of(decompressor, damaged) == DecompressFault::not_zstd);
    }
}

TEST_CASE("A frame that names another dictionary is told apart from a damaged one") {
    const std::string other = make_zstd_dictionary(40'002, 1000);
    FrameDecompressor decompressor = make(small_dictionary());
    const std::string text = prose(550);
    CHECK(fault_of(decompressor, zstd_frame(text, other)) == DecompressFault::wrong_dictionary);
    // One that names none cannot be recognised, only fail or be found out by its checksum.
    ZstdShape shape;
    shape.dictionary_id = false;
    shape.checksum = true;
    CHECK(fault_of(decompressor, zstd_frame(text, other, shape)) == DecompressFault::not_zstd);
}

TEST_CASE("Whatever follows a frame is refused with it") {
    FrameDecompressor decompressor = make(small_dictionary());
    const std::string frame = zstd_frame("one", small_dictionary());
    const std::string skippable("\x50\x2a\x4d\x18\x02\x00\x00\x00xy", 10);
    CHECK(fault_of(decompressor, frame + frame) == DecompressFault::trailing_bytes);
    CHECK(fault_of(decompressor, frame + "}") == DecompressFault::trailing_bytes);
    CHECK(fault_of(decompressor, frame + skippable) == DecompressFault::trailing_bytes);
    ZstdShape shape;
    shape.content_size = false;
    CHECK(fault_of(decompressor, zstd_frame("one", small_dictionary(), shape) + frame) ==
          DecompressFault::trailing_bytes);
}

TEST_CASE("What is no zstd frame is refused") {
    FrameDecompressor decompressor = make(small_dictionary());
    CHECK(fault_of(decompressor, "") == DecompressFault::not_zstd);
    CHECK(fault_of(decompressor, zstd_sample(1)) == DecompressFault::not_zstd);
    CHECK(fault_of(decompressor, small_dictionary()) == DecompressFault::not_zstd);
    const std::string skippable("\x50\x2a\x4d\x18\x02\x00\x00\x00xy", 10);
    CHECK(fault_of(decompressor, skippable) == DecompressFault::not_zstd);
    // The magic of version 0.7.
    CHECK(fault_of(decompressor, std::string("\x27\xb5\x2f\xfd\x20\x03\x19\x00\x00xyz", 12)) ==
          DecompressFault::not_zstd);
}

TEST_CASE("After any error the next good frame comes out") {
    FrameDecompressor decompressor = make(small_dictionary());
    const std::string text = prose(2000);
    ZstdShape shape;
    shape.content_size = false;
    shape.checksum = true;
    const std::string streamed = zstd_frame(text, small_dictionary(), shape);
    const std::string sized = zstd_frame(text, small_dictionary());
    std::string damaged = streamed;
    damaged.back() = static_cast<char>(damaged.back() ^ 1);
    for (const std::string& bad :
         {std::string(), streamed.substr(0, streamed.size() / 2), sized.substr(0, 40), damaged,
          sized + sized, zstd_bomb(1000, 0), zstd_bomb(1000, 1000),
          zstd_frame(text, make_zstd_dictionary(7, 500))}) {
        CHECK(fault_of(decompressor, bad).has_value());
        CHECK(text_of(decompressor, streamed) == text);
        CHECK(fault_of(decompressor, bad).has_value());
        CHECK(text_of(decompressor, sized) == text);
    }
}

TEST_CASE("A decompressor that was moved goes on where it was") {
    FrameDecompressor first = make(small_dictionary());
    const std::string frame = zstd_frame("moved", small_dictionary());
    CHECK(text_of(first, frame) == "moved");
    FrameDecompressor second = std::move(first);
    CHECK(text_of(second, frame) == "moved");
    CHECK(second.dictionary_id() == small_id);
}

TEST_CASE("A file that is no dictionary is refused before anything is read with it") {
    const auto refused = [](const std::string& content) {
        const auto made = FrameDecompressor::make(content, mebibyte);
        return !made.has_value() && !made.error().empty();
    };
    CHECK(refused(""));
    CHECK(refused("{\"not\":\"a dictionary\"}"));
    CHECK(refused(small_dictionary().substr(1)));
    CHECK(refused(small_dictionary().substr(0, 4)));
    CHECK(refused(small_dictionary().substr(0, 20)));
    std::string damaged = small_dictionary();
    damaged.replace(8, 40, 40, '\xff');
    CHECK(refused(damaged));
}
