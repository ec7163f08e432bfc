#include "atproto/datetime.hpp"

#include "base/time.hpp"

namespace subcults::atproto {

bool is_valid_datetime(std::string_view text) noexcept {
    constexpr std::size_t date_bytes = 10;
    if (text.size() > max_datetime_bytes || text.size() <= date_bytes) return false;
    // What RFC 3339 leaves open and the protocol does not.
    if (text[date_bytes] != 'T' || text.ends_with('z') || text.ends_with("-00:00")) return false;
    return parse_rfc3339(text).has_value();
}

}  // namespace subcults::atproto
