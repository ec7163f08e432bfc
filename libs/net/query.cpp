#include "net/query.hpp"

#include <cstdint>

namespace subcults::net {
namespace {

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool starts_with_no_case(std::string_view text, std::string_view lower_prefix) noexcept {
    if (text.size() < lower_prefix.size()) return false;
    for (std::size_t i = 0; i < lower_prefix.size(); ++i) {
        const char c = text[i];
        const char lower = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
        if (lower != lower_prefix[i]) return false;
    }
    return true;
}

}  // namespace

bool is_clean_utf8(std::string_view text) noexcept {
    std::size_t i = 0;
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    while (i < text.size()) {
        const std::uint8_t first = byte(i);
        if (first == 0) return false;
        if (first < 0x80) {
            ++i;
            continue;
        }
        std::size_t length = 0;
        std::uint8_t low = 0x80;
        std::uint8_t high = 0xBF;
        // The second byte's range is what excludes overlong forms, surrogates and > U+10FFFF.
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
            return false;
        }
        if (text.size() - i < length) return false;
        if (byte(i + 1) < low || byte(i + 1) > high) return false;
        for (std::size_t k = 2; k < length; ++k) {
            if (byte(i + k) < 0x80 || byte(i + k) > 0xBF) return false;
        }
        i += length;
    }
    return true;
}

bool percent_decode(std::string_view text, PlusIs plus, std::string& into) {
    const std::size_t start = into.size();
    into.reserve(start + text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '%') {
            if (text.size() - i < 3) return false;
            const int high = hex_value(text[i + 1]);
            const int low = hex_value(text[i + 2]);
            if (high < 0 || low < 0) return false;
            into.push_back(static_cast<char>(high * 16 + low));
            i += 2;
        } else if (c == '+' && plus == PlusIs::space) {
            into.push_back(' ');
        } else {
            into.push_back(c);
        }
    }
    return is_clean_utf8(std::string_view(into).substr(start));
}

bool parse_query(std::string_view text, QueryParams& into, std::size_t max_params) {
    into.clear();
    while (!text.empty()) {
        const std::size_t end = text.find('&');
        const std::string_view piece = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        if (piece.empty()) continue;
        if (into.size() == max_params) return false;
        const std::size_t equals = piece.find('=');
        auto& [name, value] = into.emplace_back();
        if (!percent_decode(piece.substr(0, equals), PlusIs::space, name)) return false;
        if (equals == std::string_view::npos) continue;
        if (!percent_decode(piece.substr(equals + 1), PlusIs::space, value)) return false;
    }
    return true;
}

std::optional<Target> split_target(std::string_view target) noexcept {
    if (target == "*") return Target{target, {}};
    if (target.find('#') != std::string_view::npos) return std::nullopt;
    if (!target.empty() && target.front() != '/') {
        std::size_t scheme = 0;
        if (starts_with_no_case(target, "http://")) scheme = 7;
        if (starts_with_no_case(target, "https://")) scheme = 8;
        if (scheme == 0) return std::nullopt;
        target.remove_prefix(scheme);
        const std::size_t authority = target.find_first_of("/?");
        if (authority == 0 || target.empty()) return std::nullopt;
        if (authority == std::string_view::npos) return Target{"/", {}};
        if (target[authority] == '?') return Target{"/", target.substr(authority + 1)};
        target.remove_prefix(authority);
    }
    if (target.empty()) return std::nullopt;
    const std::size_t mark = target.find('?');
    if (mark == std::string_view::npos) return Target{target, {}};
    return Target{target.substr(0, mark), target.substr(mark + 1)};
}

}  // namespace subcults::net
