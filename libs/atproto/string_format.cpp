#include "atproto/string_format.hpp"

#include "atproto/at_uri.hpp"
#include "atproto/characters.hpp"
#include "atproto/cid.hpp"
#include "atproto/datetime.hpp"
#include "atproto/did.hpp"
#include "atproto/handle.hpp"
#include "atproto/language.hpp"
#include "atproto/nsid.hpp"
#include "atproto/rkey.hpp"
#include "atproto/tid.hpp"

#include <algorithm>
#include <array>

namespace subcults::atproto {
namespace {

bool is_valid_at_identifier(std::string_view text) noexcept {
    return is_valid_did(text) || is_valid_handle(text);
}

constexpr std::array<StringFormat, 11> formats{{
    {"at-identifier", "a DID or a handle", is_valid_at_identifier},
    {"at-uri", "the at-uri of a record", is_valid_at_uri},
    {"cid", "a CID", is_valid_cid},
    {"datetime", "a datetime with a time zone", is_valid_datetime},
    {"did", "a DID", is_valid_did},
    {"handle", "a handle", is_valid_handle},
    {"language", "a language tag", is_valid_language},
    {"nsid", "an NSID", is_valid_nsid},
    {"record-key", "a record key", is_valid_rkey},
    {"tid", "a TID", is_valid_tid},
    {"uri", "a URI", is_valid_uri},
}};

constexpr std::size_t max_scheme_bytes = 80;

bool is_scheme(std::string_view text) noexcept {
    if (text.empty() || text.size() > max_scheme_bytes) return false;
    return detail::is(text[0], detail::letter) && std::all_of(text.begin(), text.end(), [](char c) {
               return detail::is(c, detail::letter | detail::digit) || c == '+' || c == '-' ||
                      c == '.';
           });
}

}  // namespace

const StringFormat* find_string_format(std::string_view name) noexcept {
    const auto found = std::find_if(formats.begin(), formats.end(),
                                    [name](const StringFormat& f) { return f.name == name; });
    return found == formats.end() ? nullptr : &*found;
}

bool is_valid_uri(std::string_view text) noexcept {
    if (text.size() > max_uri_bytes) return false;
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || !is_scheme(text.substr(0, colon))) return false;
    const std::string_view rest = text.substr(colon + 1);
    return !rest.empty() && std::all_of(rest.begin(), rest.end(), [](char c) {
        // Bytes beyond ASCII pass: people paste addresses as their browser shows them.
        const auto byte = static_cast<unsigned char>(c);
        return byte > 0x20 && byte != 0x7f;
    });
}

}  // namespace subcults::atproto
