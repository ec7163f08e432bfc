#include "metrics/exposition.hpp"

#include <charconv>
#include <cmath>
#include <cstring>

namespace subcults::metrics {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

// The length of the well-formed sequence at the start of `text`, 0 if there is none.
std::size_t sequence_length(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = byte(0);
    if (first == 0) return 0;
    if (first < 0x80) return 1;

    std::size_t length = 0;
    unsigned low = 0x80;  // bounds of the second byte: no overlong forms, no surrogates
    unsigned high = 0xBF;
    if (first >= 0xC2 && first <= 0xDF) {
        length = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
        length = 3;
        if (first == 0xE0) low = 0xA0;
        if (first == 0xED) high = 0x9F;
    } else if (first >= 0xF0 && first <= 0xF4) {
        length = 4;
        if (first == 0xF0) low = 0x90;
        if (first == 0xF4) high = 0x8F;
    } else {
        return 0;
    }
    if (text.size() < length || byte(1) < low || byte(1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
    }
    return length;
}

}  // namespace

void append_label_value(std::string& out, std::string_view value) {
    for (const char c : value) {
        switch (c) {
            case '\\':
                out += "\\\\";
                break;
            case '"':
                out += "\\\"";
                break;
            case '\n':
                out += "\\n";
                break;
            default:
                out += c;
        }
    }
}

void append_help(std::string& out, std::string_view text) {
    for (const char c : text) {
        if (c == '\\') {
            out += "\\\\";
        } else if (c == '\n') {
            out += "\\n";
        } else {
            out += c;
        }
    }
}

bool is_clean_utf8(std::string_view text) noexcept {
    // Nearly every value is ASCII, which a loop without branches settles.
    bool ascii = true;
    for (const char c : text)
        ascii &= static_cast<signed char>(c) > 0;
    if (ascii) return true;
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string cleaned_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        out += length == 0 ? replacement : text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

char* write_number(char* at, std::uint64_t value) noexcept {
    return std::to_chars(at, at + max_number_size, value).ptr;
}

char* write_number(char* at, double value) noexcept {
    // Most gauges are whole numbers; as integers they are quicker to print and easier to read.
    constexpr double exact = 1e15;
    if (value > -exact && value < exact) {
        const auto whole = static_cast<std::int64_t>(value);
        if (static_cast<double>(whole) == value) {
            return std::to_chars(at, at + max_number_size, whole).ptr;
        }
        return std::to_chars(at, at + max_number_size, value).ptr;
    }
    const auto spelled = [at](std::string_view text) {
        std::memcpy(at, text.data(), text.size());
        return at + text.size();
    };
    if (std::isnan(value)) return spelled("NaN");
    if (std::isinf(value)) return spelled(value > 0 ? "+Inf" : "-Inf");
    return std::to_chars(at, at + max_number_size, value).ptr;
}

void ExpositionWriter::put(std::string_view piece) noexcept {
    std::memcpy(block_.data() + used_, piece.data(), piece.size());
    used_ += piece.size();
}

void ExpositionWriter::text(std::string_view piece) {
    if (block_.size() - used_ < piece.size()) flush();
    if (block_.size() < piece.size()) {
        out_.append(piece);
    } else {
        put(piece);
    }
}

void ExpositionWriter::flush() {
    out_.append(block_.data(), used_);
    used_ = 0;
}

}  // namespace subcults::metrics
