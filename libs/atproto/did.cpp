#include "atproto/did.hpp"

#include "atproto/characters.hpp"

namespace subcults::atproto {

bool is_valid_did(std::string_view text) noexcept {
    if (text.size() > max_did_bytes || !text.starts_with("did:")) return false;
    const std::string_view rest = text.substr(4);
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    const std::string_view method = rest.substr(0, colon);
    const std::string_view identifier = rest.substr(colon + 1);
    return !identifier.empty() && detail::all(method, detail::lower) &&
           detail::all(identifier, detail::did_identifier) &&
           detail::is(identifier.back(), detail::did_last);
}

}  // namespace subcults::atproto
