// Compressed frames, from the socket to the event. Whatever comes, the answer is bounded, the same
// twice, and what zstd's own one-call function makes of it; what was compressed comes out as it
// was; and the decoder may use the text where it lies.
//
// The first byte of the input chooses how the rest becomes a frame: as it is, behind the magic
// number, or compressed (in one of eight shapes) and then damaged or not.
#include "fuzz/oracle.hpp"
#include "jetstream/decoder.hpp"
#include "jetstream/frame_decompressor.hpp"
#include "support/zstd_frames.hpp"

#include <zstd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

using namespace subcults;
using jetstream::DecompressFault;
using jetstream::FrameDecompressor;

namespace {

constexpr std::size_t limit = 256 * 1024;

const std::string& dictionary() {
    static const std::string made = test::make_zstd_dictionary(40'001);
    return made;
}

FrameDecompressor make() {
    auto made = FrameDecompressor::make(dictionary(), limit);
    if (!made.has_value()) std::abort();
    return std::move(*made);
}

void expect(bool condition, const char* what, std::string_view input) {
    if (!condition) fuzz::fail(what, input);
}

// What zstd makes of it in a buffer that is large enough, if it is one whole frame.
class Reference {
  public:
    Reference()
        : context_(ZSTD_createDCtx(), ZSTD_freeDCtx),
          dictionary_(ZSTD_createDDict(dictionary().data(), dictionary().size()), ZSTD_freeDDict),
          text_(limit + 1, '\0') {}

    std::optional<std::string_view> decompress(std::string_view frame) {
        const std::size_t end = ZSTD_findFrameCompressedSize(frame.data(), frame.size());
        if (ZSTD_isError(end) || end != frame.size()) return std::nullopt;
        const std::size_t size =
            ZSTD_decompress_usingDDict(context_.get(), text_.data(), text_.size(), frame.data(),
                                       frame.size(), dictionary_.get());
        if (ZSTD_isError(size) || size > limit) return std::nullopt;
        return std::string_view(text_).substr(0, size);
    }

  private:
    std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context_;
    std::unique_ptr<ZSTD_DDict, decltype(&ZSTD_freeDDict)> dictionary_;
    std::string text_;
};

// zstd reads its first frame with another routine than those that follow, and the two part ways
// over some damaged frames that have no checksum: so one is read before anything is compared.
template <class Decompressor>
Decompressor warmed_up(Decompressor decompressor) {
    decompressor.decompress(test::zstd_frame("{}", dictionary()));
    return decompressor;
}

void examine(FrameDecompressor& decompressor, std::string_view frame) {
    const auto first = decompressor.decompress(frame);
    const bool good = first.has_value();
    const std::string text = good ? std::string(*first) : std::string();
    const DecompressFault fault = good ? DecompressFault::not_zstd : first.error();
    if (good) {
        expect(text.size() <= limit, "larger than the limit", frame);
        const char* const behind = first->data() + first->size();
        expect(std::all_of(behind, behind + 64, [](char byte) { return byte == '\0'; }),
               "no padding behind the text", frame);
        jetstream::Decoder decoder{jetstream::CollectionFilter({})};
        const bool in_place = decoder.decode(*first, true).has_value();
        expect(decoder.decode(text, false).has_value() == in_place, "the place changed the verdict",
               frame);
    }

    const auto second = decompressor.decompress(frame);
    expect(second.has_value() == good, "another verdict the second time", frame);
    if (good) expect(*second == text, "another text the second time", frame);
    if (!good) expect(second.error() == fault, "another fault the second time", frame);

    static Reference reference = warmed_up(Reference());
    const auto expected = reference.decompress(frame);
    // The formats of old and skippable frames are none of ours.
    const bool wanted = expected.has_value() && frame.starts_with("\x28\xb5\x2f\xfd");
    expect(good == wanted, "zstd comes to another verdict", frame);
    if (good) expect(*expected == text, "zstd makes another text of it", frame);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static FrameDecompressor decompressor = warmed_up(make());
    if (size == 0) return 0;
    const unsigned mode = data[0];
    const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    if (mode % 3 == 0) {
        examine(decompressor, rest);
    } else if (mode % 3 == 1) {
        examine(decompressor, "\x28\xb5\x2f\xfd" + std::string(rest));
    } else {
        test::ZstdShape shape;
        shape.content_size = (mode & 8) != 0;
        shape.checksum = (mode & 16) != 0;
        shape.dictionary_id = (mode & 32) != 0;
        std::string frame = test::zstd_frame(rest, dictionary(), shape);
        const auto text = decompressor.decompress(frame);
        expect(text.has_value() && *text == rest, "does not come out as it went in", rest);
        examine(decompressor, frame);
        // One byte changed, at a place that depends on the input.
        const std::size_t place = (mode * 2'654'435'761U + rest.size()) % frame.size();
        frame[place] = static_cast<char>(frame[place] ^ (1 << (mode >> 5)));
        examine(decompressor, frame);
    }
    return 0;
}
