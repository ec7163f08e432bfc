#include "base/trace_context.hpp"

#include "base/random_stock.hpp"

#include <algorithm>
#include <span>

namespace subcults {

namespace {

// 00-<trace id>-<span id>-<flags>
constexpr std::size_t version_at = 0;
constexpr std::size_t trace_at = 3;
constexpr std::size_t span_at = 36;
constexpr std::size_t flags_at = 53;
constexpr std::size_t shortest = 55;
constexpr std::uint8_t forbidden_version = 0xff;
constexpr std::size_t most_members = 32;
constexpr std::size_t longest_key = 256;
constexpr std::size_t longest_value = 256;

// Upper case is not allowed.
constexpr int nibble(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

bool read_hex(std::string_view text, std::size_t at, std::span<std::uint8_t> out) noexcept {
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = nibble(text[at + 2 * i]);
        const int low = nibble(text[at + 2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return true;
}

void append_hex(std::string& text, std::span<const std::uint8_t> bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    for (const std::uint8_t byte : bytes) {
        text.push_back(digits[byte >> 4U]);
        text.push_back(digits[byte & 0x0fU]);
    }
}

bool all_zero(std::span<const std::uint8_t> bytes) noexcept {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

void make_id(std::span<std::uint8_t> id) {
    do
        stocked_random(id);
    while (all_zero(id));
}

constexpr bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t';
}

std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back()))
        text.remove_suffix(1);
    return text;
}

constexpr bool is_small_or_digit(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_key(std::string_view key) noexcept {
    if (key.empty() || key.size() > longest_key || !is_small_or_digit(key.front())) return false;
    return std::all_of(key.begin(), key.end(), [](char c) {
        return is_small_or_digit(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
    });
}

// Of a trimmed member, so it does not end with a blank.
bool is_value(std::string_view value) noexcept {
    if (value.empty() || value.size() > longest_value) return false;
    return std::all_of(value.begin(), value.end(),
                       [](char c) { return c >= 0x20 && c <= 0x7e && c != '='; });
}

}  // namespace

std::optional<TraceParent> TraceParent::parse(std::string_view value) noexcept {
    const std::string_view text = trim(value);
    if (text.size() < shortest) return std::nullopt;
    if (text[trace_at - 1] != '-' || text[span_at - 1] != '-' || text[flags_at - 1] != '-') {
        return std::nullopt;
    }
    std::uint8_t version = 0;
    std::uint8_t flags = 0;
    TraceParent parent;
    if (!read_hex(text, version_at, {&version, 1}) || !read_hex(text, flags_at, {&flags, 1}) ||
        !read_hex(text, trace_at, parent.trace_id) || !read_hex(text, span_at, parent.span_id)) {
        return std::nullopt;
    }
    if (version == forbidden_version) return std::nullopt;
    const bool longer = text.size() > shortest;
    if (longer && (version == 0 || text[shortest] != '-')) return std::nullopt;
    if (all_zero(parent.trace_id) || all_zero(parent.span_id)) return std::nullopt;
    // Later versions promise to keep the meaning of this one flag.
    parent.flags =
        static_cast<std::uint8_t>(flags & (version == 0 ? sampled | random_trace : sampled));
    return parent;
}

TraceParent TraceParent::start() {
    TraceParent first;
    make_id(first.trace_id);
    make_id(first.span_id);
    first.flags = random_trace;
    return first;
}

TraceParent TraceParent::child() const {
    TraceParent next = *this;
    while (next.span_id == span_id)
        make_id(next.span_id);
    return next;
}

std::string TraceParent::header() const {
    std::string text;
    text.reserve(shortest);
    text += "00-";
    append_hex(text, trace_id);
    text += '-';
    append_hex(text, span_id);
    text += '-';
    append_hex(text, {&flags, 1});
    return text;
}

std::string TraceParent::trace_text() const {
    std::string text;
    append_hex(text, trace_id);
    return text;
}

std::string TraceParent::span_text() const {
    std::string text;
    append_hex(text, span_id);
    return text;
}

bool is_tracestate(std::string_view value) noexcept {
    if (value.size() > longest_tracestate) return false;
    std::array<std::string_view, most_members> keys;
    std::size_t members = 0;
    std::size_t named = 0;
    for (bool last = false; !last; ++members) {
        if (members == most_members) return false;
        const std::size_t comma = value.find(',');
        last = comma == std::string_view::npos;
        const std::string_view member = trim(value.substr(0, comma));
        if (!last) value.remove_prefix(comma + 1);
        if (member.empty()) continue;
        const std::size_t equals = member.find('=');
        if (equals == std::string_view::npos) return false;
        const std::string_view key = member.substr(0, equals);
        if (!is_key(key) || !is_value(member.substr(equals + 1))) return false;
        const auto end = keys.begin() + static_cast<std::ptrdiff_t>(named);
        if (std::find(keys.begin(), end, key) != end) return false;
        keys[named++] = key;
    }
    return named > 0;
}

TraceContext TraceContext::start() {
    TraceContext first;
    first.self = TraceParent::start();
    return first;
}

TraceContext TraceContext::child() const {
    TraceContext next = *this;
    next.self = self.child();
    return next;
}

void TraceContext::take_state(std::string_view value) {
    state.clear();
    if (!is_tracestate(value)) return;
    state.assign(value);
    std::replace(state.begin(), state.end(), '\t', ' ');
}

}  // namespace subcults
