#include "atproto/tid.hpp"

#include <cstddef>

namespace subcults::atproto {
namespace {

constexpr std::string_view alphabet = "234567abcdefghijklmnopqrstuvwxyz";
constexpr std::uint8_t no_digit = 0xff;
constexpr unsigned clock_bits = 10;
constexpr std::uint64_t micros_mask = (std::uint64_t{1} << 53) - 1;
constexpr std::uint64_t clock_mask = (std::uint64_t{1} << clock_bits) - 1;

constexpr std::array<std::uint8_t, 256> make_digits() {
    std::array<std::uint8_t, 256> digits{};
    digits.fill(no_digit);
    for (std::size_t i = 0; i < alphabet.size(); ++i) {
        digits[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
    }
    return digits;
}
constexpr std::array<std::uint8_t, 256> digits = make_digits();

constexpr std::uint8_t digit_of(char c) noexcept {
    return digits[static_cast<unsigned char>(c)];
}

}  // namespace

bool is_valid_tid(std::string_view text) noexcept {
    if (text.size() != tid_bytes) return false;
    // Thirteen digits of five bits are 65 bits, so the first digit must leave the top bit free.
    if (digit_of(text[0]) >= 16) return false;
    std::uint8_t bits = 0;
    for (const char c : text)
        bits = static_cast<std::uint8_t>(bits | digit_of(c));
    return bits < 32;
}

std::optional<Tid> decode_tid(std::string_view text) noexcept {
    if (!is_valid_tid(text)) return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : text)
        value = value << 5 | digit_of(c);
    return Tid{static_cast<std::int64_t>(value >> clock_bits),
               static_cast<std::uint32_t>(value & clock_mask)};
}

TidText::TidText(Tid tid) noexcept {
    std::uint64_t value = (static_cast<std::uint64_t>(tid.micros) & micros_mask) << clock_bits |
                          (tid.clock_id & clock_mask);
    for (std::size_t i = tid_bytes; i-- > 0; value >>= 5)
        text_[i] = alphabet[value & 31];
}

}  // namespace subcults::atproto
