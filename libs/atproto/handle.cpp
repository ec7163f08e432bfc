#include "atproto/handle.hpp"

#include "atproto/characters.hpp"

namespace subcults::atproto {

bool is_valid_handle(std::string_view text) noexcept {
    if (text.size() > max_handle_bytes) return false;
    std::size_t labels = 0;
    for (;;) {
        const std::size_t dot = text.find('.');
        const std::string_view label = text.substr(0, dot);
        if (!detail::is_label(label)) return false;
        ++labels;
        if (dot == std::string_view::npos) {
            return labels >= 2 && detail::is(label.front(), detail::letter);
        }
        text.remove_prefix(dot + 1);
    }
}

}  // namespace subcults::atproto
