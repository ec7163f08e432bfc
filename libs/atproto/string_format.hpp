// The string formats that lexicons may name, each with its check and its words for an operator.
//
// Internal to this folder and its tests. Checks never throw, allocate nothing, are thread-safe.
#pragma once

#include <cstddef>
#include <string_view>

namespace subcults::atproto {

inline constexpr std::size_t max_uri_bytes = 8'192;

struct StringFormat {
    std::string_view name;    // as lexicons write it: "at-uri"
    std::string_view phrase;  // "a DID", to follow "must be"
    bool (*matches)(std::string_view) noexcept;
};

// nullptr when no check is written for the name. The object lives for ever.
//
// An at-uri is stricter here than in the protocol: the address of a record, with a DID.
const StringFormat* find_string_format(std::string_view name) noexcept;

// A scheme, a colon and something behind it without blanks and control characters.
bool is_valid_uri(std::string_view text) noexcept;

}  // namespace subcults::atproto
