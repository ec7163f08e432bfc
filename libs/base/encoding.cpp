// Text encodings of binary data: hex, base32, base64. Decoding accepts exactly one spelling of
// each value (bar letter case and padding where the header says so), so that encoded text can be
// compared as text.
#include "base/crypto.hpp"

namespace subcults {

namespace {

using DecodeTable = std::array<std::int8_t, 256>;

constexpr char standard_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr DecodeTable decode_table(const char* alphabet, int size) {
    DecodeTable table{};
    for (auto& entry : table) {
        entry = -1;
    }
    for (int i = 0; i < size; ++i) {
        table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
    }
    return table;
}

constexpr DecodeTable standard_decode = decode_table(standard_alphabet, 64);
constexpr DecodeTable url_decode = decode_table(url_alphabet, 64);

constexpr std::uint32_t octet(char c) noexcept {
    return static_cast<unsigned char>(c);
}

std::optional<std::string> decode64(std::string_view text, const DecodeTable& table) {
    if (text.size() % 4 == 1) return std::nullopt;
    std::string out;
    out.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0;
    unsigned pending = 0;
    for (const char c : text) {
        const int value = table[static_cast<unsigned char>(c)];
        if (value < 0) return std::nullopt;
        bits = (bits << 6U) | static_cast<std::uint32_t>(value);
        pending += 6;
        if (pending >= 8) {
            pending -= 8;
            out.push_back(static_cast<char>((bits >> pending) & 0xffU));
        }
    }
    // Bits beyond the last byte must be zero: otherwise several texts would mean the same bytes.
    if ((bits & ((1U << pending) - 1U)) != 0) return std::nullopt;
    return out;
}

constexpr int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::string hex(std::string_view data) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(data.size() * 2);
    for (const char c : data) {
        out.push_back(digits[octet(c) >> 4U]);
        out.push_back(digits[octet(c) & 0x0fU]);
    }
    return out;
}

std::optional<std::string> from_hex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::string out;
    out.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_value(text[i]);
        const int low = hex_value(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        out.push_back(static_cast<char>(high * 16 + low));
    }
    return out;
}

std::string base32(std::string_view data) {
    static constexpr char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    std::string out;
    out.reserve((data.size() * 8 + 4) / 5);
    std::uint32_t bits = 0;
    unsigned pending = 0;
    for (const char c : data) {
        bits = (bits << 8U) | octet(c);
        pending += 8;
        while (pending >= 5) {
            pending -= 5;
            out.push_back(alphabet[(bits >> pending) & 31U]);
        }
    }
    if (pending > 0) out.push_back(alphabet[(bits << (5 - pending)) & 31U]);
    return out;
}

std::string base64url(std::string_view data) {
    std::string out;
    out.reserve((data.size() * 4 + 2) / 3);
    std::uint32_t bits = 0;
    unsigned pending = 0;
    for (const char c : data) {
        bits = (bits << 8U) | octet(c);
        pending += 8;
        while (pending >= 6) {
            pending -= 6;
            out.push_back(url_alphabet[(bits >> pending) & 63U]);
        }
    }
    if (pending > 0) out.push_back(url_alphabet[(bits << (6 - pending)) & 63U]);
    return out;
}

std::optional<std::string> from_base64(std::string_view text) {
    if (!text.empty() && text.back() == '=') {
        // Padding is all or nothing: it must complete the last group of four exactly.
        if (text.size() % 4 != 0) return std::nullopt;
        text.remove_suffix(1);
        if (text.back() == '=') text.remove_suffix(1);
    }
    return decode64(text, standard_decode);
}

std::optional<std::string> from_base64url(std::string_view text) {
    return decode64(text, url_decode);
}

}  // namespace subcults
