#include "atproto/graphemes.hpp"

#include <utf8proc.h>

namespace subcults::atproto {

std::size_t count_graphemes(std::string_view text, std::size_t enough) noexcept {
    const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
    auto left = static_cast<utf8proc_ssize_t>(text.size());
    std::size_t count = 0;
    utf8proc_int32_t before = -1;  // the code point before this one, if it was one
    utf8proc_int32_t state = 0;
    while (left > 0 && count < enough) {
        utf8proc_int32_t code_point = -1;
        utf8proc_ssize_t bytes = utf8proc_iterate(at, left, &code_point);
        if (bytes < 1) {
            bytes = 1;
            code_point = -1;
        }
        if (before < 0 || code_point < 0) {
            state = 0;
            ++count;
        } else if (utf8proc_grapheme_break_stateful(before, code_point, &state)) {
            ++count;
        }
        before = code_point;
        at += bytes;
        left -= bytes;
    }
    return count;
}

}  // namespace subcults::atproto
