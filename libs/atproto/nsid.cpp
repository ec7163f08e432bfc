#include "atproto/nsid.hpp"

#include "atproto/characters.hpp"

namespace subcults::atproto {
namespace {

constexpr std::size_t max_authority_bytes = 253;

// The number of labels, 0 when one of them is malformed.
std::size_t count_authority_labels(std::string_view text) noexcept {
    if (text.empty() || text.size() > max_authority_bytes) return 0;
    if (detail::is(text.front(), detail::digit)) return 0;
    for (std::size_t labels = 1;; ++labels) {
        const std::size_t dot = text.find('.');
        if (!detail::is_label(text.substr(0, dot))) return 0;
        if (dot == std::string_view::npos) return labels;
        text.remove_prefix(dot + 1);
    }
}

bool is_name(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 63 && detail::is(text.front(), detail::letter) &&
           detail::all(text, detail::letter | detail::digit);
}

}  // namespace

bool is_valid_nsid(std::string_view text) noexcept {
    if (text.size() > max_nsid_bytes) return false;
    const std::size_t dot = text.rfind('.');
    if (dot == std::string_view::npos) return false;
    return is_name(text.substr(dot + 1)) && count_authority_labels(text.substr(0, dot)) >= 2;
}

bool is_valid_nsid_prefix(std::string_view text) noexcept {
    return count_authority_labels(text) >= 1;
}

}  // namespace subcults::atproto
