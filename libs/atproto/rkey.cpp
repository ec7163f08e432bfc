#include "atproto/rkey.hpp"

#include "atproto/characters.hpp"

namespace subcults::atproto {

bool is_valid_rkey(std::string_view text) noexcept {
    return !text.empty() && text.size() <= max_rkey_bytes && text != "." && text != ".." &&
           detail::all(text, detail::record_key);
}

}  // namespace subcults::atproto
