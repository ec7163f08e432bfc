// The character classes of AT Protocol identifiers as one lookup table, so that a check costs one
// load and one test per byte. Internal to this folder.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace subcults::atproto::detail {

enum CharacterClass : std::uint8_t {
    lower = 1,            // a-z
    letter = 2,           // a-z A-Z
    digit = 4,            // 0-9
    label = 8,            // a-z A-Z 0-9 -
    record_key = 16,      // a-z A-Z 0-9 . _ : ~ -
    did_identifier = 32,  // a-z A-Z 0-9 . _ : % -
    did_last = 64,        // the same without : and %
    base58 = 128,         // the Bitcoin alphabet
};

constexpr std::array<std::uint8_t, 256> make_character_table() {
    std::array<std::uint8_t, 256> table{};
    const auto add = [&table](std::string_view characters, unsigned classes) {
        for (const char c : characters) {
            auto& entry = table[static_cast<unsigned char>(c)];
            entry = static_cast<std::uint8_t>(entry | classes);
        }
    };
    constexpr unsigned everywhere = label | record_key | did_identifier | did_last;
    add("abcdefghijklmnopqrstuvwxyz", lower | letter | everywhere);
    add("ABCDEFGHIJKLMNOPQRSTUVWXYZ", letter | everywhere);
    add("0123456789", digit | everywhere);
    add("-", everywhere);
    add("._", record_key | did_identifier | did_last);
    add(":", record_key | did_identifier);
    add("~", record_key);
    add("%", did_identifier);
    add("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", base58);
    return table;
}

inline constexpr std::array<std::uint8_t, 256> character_table = make_character_table();

constexpr bool is(char c, unsigned classes) noexcept {
    return (character_table[static_cast<unsigned char>(c)] & classes) != 0;
}

// Branch-free over the text: identifiers are short and nearly always valid.
constexpr bool all(std::string_view text, unsigned classes) noexcept {
    bool good = true;
    for (const char c : text)
        good &= is(c, classes);
    return good;
}

// One label of a domain name: 1..63 letters, digits and hyphens, no hyphen at either end.
constexpr bool is_label(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
           all(text, label);
}

}  // namespace subcults::atproto::detail
