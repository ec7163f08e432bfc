// Shortening text for messages. Pure, thread-safe, constant cost.
#pragma once

#include <cstddef>
#include <string_view>

namespace subcults {

// The longest beginning of `text` that has at most `most` bytes and does not end within a
// character: what is left of valid UTF-8 is valid UTF-8. Of other bytes no more is promised than
// the length.
constexpr std::string_view clipped_utf8(std::string_view text, std::size_t most) noexcept {
    if (text.size() <= most) return text;
    constexpr std::size_t longest_tail = 3;  // bytes of a character after its first one
    std::size_t end = most;
    for (std::size_t back = 0; back < longest_tail && end > 0; ++back) {
        if ((static_cast<unsigned char>(text[end]) & 0xC0U) != 0x80U) break;
        --end;
    }
    return text.substr(0, end);
}

}  // namespace subcults
