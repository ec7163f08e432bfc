#include "atproto/cid.hpp"

#include "atproto/characters.hpp"
#include "base/crypto.hpp"

#include <array>
#include <cstddef>
#include <optional>

namespace subcults::atproto {
namespace {

constexpr std::uint8_t no_digit = 0xff;

constexpr std::array<std::uint8_t, 256> make_base32_digits() {
    std::array<std::uint8_t, 256> digits{};
    digits.fill(no_digit);
    for (unsigned i = 0; i < 26; ++i)
        digits['a' + i] = static_cast<std::uint8_t>(i);
    for (unsigned i = 0; i < 6; ++i)
        digits['2' + i] = static_cast<std::uint8_t>(26 + i);
    return digits;
}
constexpr std::array<std::uint8_t, 256> base32_digits = make_base32_digits();

// The bytes of a base32 text, one at a time; the caller has checked the alphabet.
class Base32Bytes {
  public:
    explicit Base32Bytes(std::string_view digits) noexcept
        : digits_(digits), remaining_(digits.size() * 5 / 8) {}

    std::size_t remaining() const noexcept { return remaining_; }

    std::optional<std::uint8_t> next() noexcept {
        if (remaining_ == 0) return std::nullopt;
        while (bits_ < 8) {
            buffer_ = buffer_ << 5 | base32_digits[static_cast<unsigned char>(digits_[at_++])];
            bits_ += 5;
        }
        bits_ -= 8;
        --remaining_;
        return static_cast<std::uint8_t>(buffer_ >> bits_);
    }

    // Unsigned LEB128 in its shortest form and at most nine bytes, as multiformats demand.
    std::optional<std::uint64_t> next_varint() noexcept {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 63; shift += 7) {
            const std::optional<std::uint8_t> byte = next();
            if (!byte) return std::nullopt;
            value |= std::uint64_t{*byte & 0x7fU} << shift;
            if ((*byte & 0x80U) == 0) {
                if (*byte == 0 && shift > 0) return std::nullopt;
                return value;
            }
        }
        return std::nullopt;
    }

  private:
    std::string_view digits_;
    std::size_t at_ = 0;
    std::size_t remaining_;
    std::uint32_t buffer_ = 0;
    unsigned bits_ = 0;
};

bool is_base32(std::string_view text) noexcept {
    std::uint8_t bits = 0;
    for (const char c : text) {
        bits = static_cast<std::uint8_t>(bits | base32_digits[static_cast<unsigned char>(c)]);
    }
    if (bits >= 32 || text.empty()) return false;
    // Whole bytes only, and the bits that are left over in the last digit are zero.
    const std::size_t left_over = text.size() * 5 % 8;
    const unsigned last = base32_digits[static_cast<unsigned char>(text.back())];
    return left_over < 5 && (last & ((1U << left_over) - 1)) == 0;
}

bool is_cid_v1(std::string_view digits) noexcept {
    if (!is_base32(digits)) return false;
    Base32Bytes bytes(digits);
    const std::optional<std::uint64_t> version = bytes.next_varint();
    if (version != std::uint64_t{1}) return false;
    const std::optional<std::uint64_t> codec = bytes.next_varint();
    const std::optional<std::uint64_t> hash = bytes.next_varint();
    const std::optional<std::uint64_t> length = bytes.next_varint();
    return codec && hash && length && *length == bytes.remaining();
}

}  // namespace

bool is_valid_cid(std::string_view text) noexcept {
    if (text.empty() || text.size() > max_cid_bytes) return false;
    if (text.front() == 'b') return is_cid_v1(text.substr(1));
    // 34 bytes (0x12 0x20 and the digest) are always 46 digits that begin with Qm.
    return text.size() == 46 && text.starts_with("Qm") && detail::all(text, detail::base58);
}

std::string dag_cbor_cid(std::span<const std::uint8_t, 32> digest) {
    std::string bytes{'\x01', '\x71', '\x12', '\x20'};
    bytes.append(reinterpret_cast<const char*>(digest.data()), digest.size());
    return "b" + base32(bytes);
}

}  // namespace subcults::atproto
