#include "backfill/moment.hpp"

#include <charconv>
#include <cstdint>

namespace subcults::indexer {

namespace {

constexpr std::int64_t second_us = 1'000'000;
// A century: nothing older can be meant.
constexpr std::int64_t longest_s = 100LL * 366 * 86'400;

std::int64_t seconds_of(char unit) noexcept {
    switch (unit) {
        case 's':
            return 1;
        case 'm':
            return 60;
        case 'h':
            return 3600;
        case 'd':
            return 86'400;
        default:
            return 0;
    }
}

}  // namespace

std::optional<UnixMicros> parse_moment(std::string_view text, UnixMicros now) noexcept {
    if (const auto exact = parse_rfc3339(text)) return exact;
    if (text.size() < 2) return std::nullopt;
    const std::int64_t unit = seconds_of(text.back());
    text.remove_suffix(1);
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (unit == 0 || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    if (count < 0 || count > longest_s / unit) return std::nullopt;
    return UnixMicros{now.value - count * unit * second_us};
}

}  // namespace subcults::indexer
