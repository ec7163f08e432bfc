#include "atproto/at_uri.hpp"

#include "atproto/did.hpp"
#include "atproto/nsid.hpp"
#include "atproto/rkey.hpp"

namespace subcults::atproto {
namespace {
constexpr std::string_view scheme = "at://";
}

std::optional<AtUri> parse_at_uri(std::string_view text) noexcept {
    if (!text.starts_with(scheme)) return std::nullopt;
    text.remove_prefix(scheme.size());
    const std::size_t first = text.find('/');
    if (first == std::string_view::npos) return std::nullopt;
    const std::size_t second = text.find('/', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    // A further slash lands in the record key, whose syntax has none.
    const AtUri uri{text.substr(0, first), text.substr(first + 1, second - first - 1),
                    text.substr(second + 1)};
    if (!is_valid_did(uri.did) || !is_valid_nsid(uri.collection) || !is_valid_rkey(uri.rkey)) {
        return std::nullopt;
    }
    return uri;
}

std::string make_at_uri(std::string_view did, std::string_view collection, std::string_view rkey) {
    std::string uri;
    uri.reserve(scheme.size() + did.size() + collection.size() + rkey.size() + 2);
    uri.append(scheme).append(did).append(1, '/').append(collection).append(1, '/').append(rkey);
    return uri;
}

}  // namespace subcults::atproto
