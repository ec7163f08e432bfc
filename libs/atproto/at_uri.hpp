// The address of a record: `at://did/collection/rkey`.
//
// The protocol also knows addresses of whole repositories and collections, handles as authority,
// and fragments. None of these names one record for good, so none of them parses here.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace subcults::atproto {

struct AtUri {
    std::string_view did;
    std::string_view collection;
    std::string_view rkey;
};

// Views into `text`. nullopt unless all three parts are there and valid and nothing follows.
// Never throws, allocates nothing.
std::optional<AtUri> parse_at_uri(std::string_view text) noexcept;

inline bool is_valid_at_uri(std::string_view text) noexcept {
    return parse_at_uri(text).has_value();
}

// The parts are taken as they are: check them first where they come from outside.
std::string make_at_uri(std::string_view did, std::string_view collection, std::string_view rkey);

}  // namespace subcults::atproto
