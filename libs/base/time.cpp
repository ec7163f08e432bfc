#include "base/time.hpp"

#include <algorithm>
#include <array>

namespace subcults {

namespace {

constexpr std::int64_t micros_per_second = 1'000'000;
constexpr std::int64_t seconds_per_day = 86'400;

// Days since 1970-01-01 in the proleptic Gregorian calendar. The year is made to start in March so
// that the leap day is its last day and month lengths follow one linear formula.
constexpr std::int64_t days_from_civil(std::int64_t year, std::int64_t month, std::int64_t day) {
    year -= month <= 2 ? 1 : 0;
    const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
    const std::int64_t year_of_era = year - era * 400;
    const std::int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    const std::int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146'097 + day_of_era - 719'468;
}

struct Civil {
    std::int64_t year, month, day;
};

constexpr Civil civil_from_days(std::int64_t days) {
    days += 719'468;
    const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
    const std::int64_t day_of_era = days - era * 146'097;
    const std::int64_t year_of_era =
        (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const std::int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
    const std::int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month,
            day_of_year - (153 * shifted_month + 2) / 5 + 1};
}

constexpr std::int64_t earliest = days_from_civil(1, 1, 1) * seconds_per_day * micros_per_second;
constexpr std::int64_t latest =
    days_from_civil(10'000, 1, 1) * seconds_per_day * micros_per_second - 1;

constexpr bool is_leap(std::int64_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

constexpr std::int64_t days_in_month(std::int64_t year, std::int64_t month) {
    constexpr std::array<std::int64_t, 13> days{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[static_cast<std::size_t>(month)] + (month == 2 && is_leap(year) ? 1 : 0);
}

constexpr unsigned digit(char c) noexcept {
    return static_cast<unsigned>(static_cast<unsigned char>(c)) - unsigned{'0'};
}

// Two digits at `p`; a non-digit sets a bit in `bad` instead of branching.
inline std::int64_t two(const char* p, unsigned& bad) noexcept {
    const unsigned tens = digit(p[0]);
    const unsigned ones = digit(p[1]);
    bad |= static_cast<unsigned>(tens > 9) | static_cast<unsigned>(ones > 9);
    return static_cast<std::int64_t>(tens) * 10 + static_cast<std::int64_t>(ones);
}

inline void put(char*& out, std::int64_t value, int digits) noexcept {
    for (int i = digits - 1; i >= 0; --i) {
        out[i] = static_cast<char>('0' + value % 10);
        value /= 10;
    }
    out += digits;
}

}  // namespace

UnixMicros now_micros() noexcept {
    using std::chrono::duration_cast;
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return {duration_cast<std::chrono::microseconds>(since_epoch).count()};
}

std::string format_rfc3339(UnixMicros time) {
    const std::int64_t micros = std::clamp(time.value, earliest, latest);
    std::int64_t seconds = micros / micros_per_second;
    std::int64_t fraction = micros % micros_per_second;
    if (fraction < 0) {
        fraction += micros_per_second;
        --seconds;
    }
    std::int64_t days = seconds / seconds_per_day;
    std::int64_t of_day = seconds % seconds_per_day;
    if (of_day < 0) {
        of_day += seconds_per_day;
        --days;
    }
    const Civil date = civil_from_days(days);

    std::array<char, 32> buffer;
    char* out = buffer.data();
    put(out, date.year, 4);
    *out++ = '-';
    put(out, date.month, 2);
    *out++ = '-';
    put(out, date.day, 2);
    *out++ = 'T';
    put(out, of_day / 3'600, 2);
    *out++ = ':';
    put(out, of_day / 60 % 60, 2);
    *out++ = ':';
    put(out, of_day % 60, 2);
    if (fraction != 0) {
        *out++ = '.';
        if (fraction % 1'000 == 0) {
            put(out, fraction / 1'000, 3);
        } else {
            put(out, fraction, 6);
        }
    }
    *out++ = 'Z';
    return {buffer.data(), out};
}

std::optional<UnixMicros> parse_rfc3339(std::string_view text) noexcept {
    // The shortest form: 2026-01-29T02:30:00Z.
    if (text.size() < 20) return std::nullopt;
    const char* p = text.data();
    unsigned bad = 0;
    const std::int64_t year = two(p, bad) * 100 + two(p + 2, bad);
    const std::int64_t month = two(p + 5, bad);
    const std::int64_t day = two(p + 8, bad);
    const std::int64_t hour = two(p + 11, bad);
    const std::int64_t minute = two(p + 14, bad);
    std::int64_t second = two(p + 17, bad);
    bad |= static_cast<unsigned>(p[4] != '-') | static_cast<unsigned>(p[7] != '-') |
           static_cast<unsigned>(p[13] != ':') | static_cast<unsigned>(p[16] != ':') |
           static_cast<unsigned>(p[10] != 'T' && p[10] != 't' && p[10] != ' ');
    bad |= static_cast<unsigned>(year < 1) | static_cast<unsigned>(month < 1 || month > 12) |
           static_cast<unsigned>(hour > 23) | static_cast<unsigned>(minute > 59) |
           static_cast<unsigned>(second > 60);
    if (bad != 0 || day < 1 || day > days_in_month(year, month)) return std::nullopt;

    std::size_t at = 19;
    std::int64_t fraction = 0;
    if (text[at] == '.') {
        std::int64_t scale = micros_per_second / 10;
        const std::size_t first = ++at;
        while (at < text.size() && digit(text[at]) <= 9) {
            fraction += static_cast<std::int64_t>(digit(text[at])) * scale;
            scale /= 10;
            ++at;
        }
        if (at == first) return std::nullopt;
    }
    const bool leap_second = second == 60;
    if (leap_second) {
        second = 59;
        fraction = micros_per_second - 1;
    }

    std::int64_t offset = 0;
    const std::string_view zone = text.substr(at);
    if (zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':') {
        const std::int64_t hours = two(zone.data() + 1, bad);
        const std::int64_t minutes = two(zone.data() + 4, bad);
        if (bad != 0 || hours > 23 || minutes > 59) return std::nullopt;
        offset = (hours * 60 + minutes) * (zone[0] == '-' ? -60 : 60);
    } else if (zone != "Z" && zone != "z") {
        return std::nullopt;
    }

    const std::int64_t seconds = days_from_civil(year, month, day) * seconds_per_day +
                                 hour * 3'600 + minute * 60 + second - offset;
    // Leap seconds are inserted at the end of a UTC day and nowhere else.
    if (leap_second && (seconds + 1) % seconds_per_day != 0) return std::nullopt;
    const std::int64_t micros = seconds * micros_per_second + fraction;
    if (micros < earliest || micros > latest) return std::nullopt;
    return UnixMicros{micros};
}

}  // namespace subcults
