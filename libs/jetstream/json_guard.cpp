#include "jetstream/json_guard.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace subcults::jetstream {
namespace {

constexpr std::size_t deepest = 4096;
constexpr std::int64_t max_digits_before_point = 131'072;
constexpr std::int64_t max_digits_after_point = 16'383;
// Beyond every limit, yet far from overflowing the sums it takes part in.
constexpr std::int64_t exponent_ceiling = 10'000'000;

constexpr bool is_blank(char c) noexcept {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
constexpr unsigned byte_of(char c) noexcept {
    return static_cast<unsigned char>(c);
}

constexpr std::uint64_t repeat(std::uint8_t byte) noexcept {
    return 0x0101010101010101U * byte;
}

// Marks (with the byte's top bit) the first byte that a string scan has to look at: a quote, a
// backslash, a control character, and with `NonAscii` any byte from 0x80. Marks above the first
// one may be wrong, because the subtractions borrow upwards.
template <bool NonAscii>
std::uint64_t mark_special(std::uint64_t word) noexcept {
    constexpr std::uint64_t top = repeat(0x80);
    const std::uint64_t quote = word ^ repeat('"');
    const std::uint64_t backslash = word ^ repeat('\\');
    std::uint64_t marks = ((quote - repeat(1)) & ~quote) | ((backslash - repeat(1)) & ~backslash) |
                          ((word - repeat(0x20)) & ~word);
    if constexpr (NonAscii) marks |= word;
    return marks & top;
}

template <bool CheckUtf8>
class Guard {
  public:
    Guard(std::string_view text, const GuardOptions& options) noexcept
        : begin_(text.data()),
          at_(text.data()),
          end_(text.data() + text.size()),
          max_depth_(std::min(options.max_depth, deepest)),
          expansion_left_(static_cast<std::int64_t>(options.max_expansion)) {}

    GuardVerdict run() noexcept {
        document();
        return verdict_;
    }

  private:
    bool fail(GuardFault fault, const char* where, const char* reason) noexcept {
        verdict_ = {fault, static_cast<std::size_t>(where - begin_), reason};
        return false;
    }
    bool fail(const char* reason) noexcept { return fail(GuardFault::grammar, at_, reason); }

    void skip_blanks() noexcept {
        while (at_ != end_ && is_blank(*at_))
            ++at_;
    }
    bool next_is(char c) const noexcept { return at_ != end_ && *at_ == c; }

    bool open(bool object) noexcept {
        if (depth_ == max_depth_) return fail(GuardFault::depth, at_, "nested too deeply");
        const std::uint64_t bit = std::uint64_t{1} << (depth_ % 64);
        std::uint64_t& word = objects_[depth_ / 64];
        word = object ? word | bit : word & ~bit;
        ++depth_;
        in_object_ = object;
        ++at_;
        skip_blanks();
        return true;
    }

    void close() noexcept {
        ++at_;
        --depth_;
        if (depth_ == 0) return;
        const std::size_t top = depth_ - 1;
        in_object_ = (objects_[top / 64] >> (top % 64) & 1) != 0;
    }

    bool document() noexcept {
        skip_blanks();
        for (;;) {
            bool container = false;
            if (!value(container)) return false;
            if (container) {
                if (in_object_ && !key()) return false;
                continue;
            }
            if (!after_value()) return false;
            if (depth_ == 0) return true;
        }
    }

    // Steps over a value. `container` is set when a filled object or array was opened and its
    // first element is next.
    bool value(bool& container) noexcept {
        if (at_ == end_) return fail("the text ends where a value should start");
        switch (*at_) {
            case '"':
                return string();
            case '{':
                if (!open(true)) return false;
                if (next_is('}')) {
                    close();
                } else {
                    container = true;
                }
                return true;
            case '[':
                if (!open(false)) return false;
                if (next_is(']')) {
                    close();
                } else {
                    container = true;
                }
                return true;
            case 't':
                return literal("true");
            case 'f':
                return literal("false");
            case 'n':
                return literal("null");
            default:
                if (*at_ == '-' || is_digit(*at_)) return number();
                return fail("not the beginning of a value");
        }
    }

    // Closes what ends here and steps to the next element, or to the end of the text.
    bool after_value() noexcept {
        for (;;) {
            skip_blanks();
            if (depth_ == 0) return at_ == end_ || fail("something follows the value");
            if (at_ == end_) return fail("the text ends inside an object or array");
            if (*at_ == ',') {
                ++at_;
                skip_blanks();
                return !in_object_ || key();
            }
            if (*at_ != (in_object_ ? '}' : ']')) return fail("neither a comma nor the end");
            close();
        }
    }

    bool key() noexcept {
        if (!next_is('"')) return fail("not the beginning of a key");
        if (!string()) return false;
        skip_blanks();
        if (!next_is(':')) return fail("no colon after a key");
        ++at_;
        skip_blanks();
        return true;
    }

    bool literal(std::string_view word) noexcept {
        if (static_cast<std::size_t>(end_ - at_) < word.size() ||
            std::memcmp(at_, word.data(), word.size()) != 0) {
            return fail("neither true, false nor null");
        }
        at_ += word.size();
        return true;
    }

    bool string() noexcept {
        ++at_;
        for (;;) {
            if constexpr (std::endian::native == std::endian::little) {
                while (end_ - at_ >= 8) {
                    std::uint64_t word;
                    std::memcpy(&word, at_, sizeof word);
                    const std::uint64_t marks = mark_special<CheckUtf8>(word);
                    if (marks != 0) {
                        at_ += std::countr_zero(marks) / 8;
                        break;
                    }
                    at_ += 8;
                }
            }
            if (at_ == end_) return fail("the text ends inside a string");
            const unsigned c = byte_of(*at_);
            if (c == '"') {
                ++at_;
                return true;
            }
            if (c == '\\') {
                if (!escape()) return false;
            } else if (c < 0x20) {
                return fail("a control character inside a string");
            } else if (c < 0x80 || !CheckUtf8) {
                ++at_;
            } else {
                do {
                    if (!multibyte()) return false;
                } while (at_ != end_ && byte_of(*at_) >= 0x80);
            }
        }
    }

    bool escape() noexcept {
        const char* const start = at_;
        if (end_ - at_ < 2) return fail("the text ends inside an escape");
        switch (at_[1]) {
            case '"':
            case '\\':
            case '/':
            case 'b':
            case 'f':
            case 'n':
            case 'r':
            case 't':
                at_ += 2;
                return true;
            case 'u':
                break;
            default:
                return fail("an escape that JSON does not know");
        }
        const int unit = code_unit();
        if (unit < 0) return fail("an escape without four hexadecimal digits");
        if (unit == 0) return fail(GuardFault::nul_escape, start, "U+0000 inside a string");
        if (unit < 0xd800 || unit > 0xdfff) return true;
        if (unit > 0xdbff) return lone_surrogate(start);
        if (at_ == end_ || (*at_ == '\\' && end_ - at_ == 1)) {
            return fail("the text ends inside a string");
        }
        if (at_[0] != '\\' || at_[1] != 'u') return lone_surrogate(start);
        const int second = code_unit();
        if (second < 0) return fail("an escape without four hexadecimal digits");
        if (second < 0xdc00 || second > 0xdfff) return lone_surrogate(start);
        return true;
    }

    bool lone_surrogate(const char* where) noexcept {
        return fail(GuardFault::surrogate_escape, where, "half of a surrogate pair");
    }

    // Reads \uXXXX and steps behind it; -1 when it is not one.
    int code_unit() noexcept {
        if (end_ - at_ < 6) return -1;
        int unit = 0;
        for (int i = 2; i < 6; ++i) {
            const char c = at_[i];
            int digit = 0;
            if (is_digit(c)) {
                digit = c - '0';
            } else if (c >= 'a' && c <= 'f') {
                digit = c - 'a' + 10;
            } else if (c >= 'A' && c <= 'F') {
                digit = c - 'A' + 10;
            } else {
                return -1;
            }
            unit = unit * 16 + digit;
        }
        at_ += 6;
        return unit;
    }

    // One UTF-8 sequence of two to four bytes.
    bool multibyte() noexcept {
        const auto left = end_ - at_;
        const auto continues = [this](int i) { return (byte_of(at_[i]) & 0xc0) == 0x80; };
        const unsigned first = byte_of(at_[0]);
        const unsigned second = left > 1 ? byte_of(at_[1]) : 0;
        if (first >= 0xc2 && first <= 0xdf) {
            if (left >= 2 && continues(1)) {
                at_ += 2;
                return true;
            }
        } else if (first >= 0xe0 && first <= 0xef) {
            const bool overlong = first == 0xe0 && second < 0xa0;
            const bool surrogate = first == 0xed && second > 0x9f;
            if (left >= 3 && continues(1) && continues(2) && !overlong && !surrogate) {
                at_ += 3;
                return true;
            }
        } else if (first >= 0xf0 && first <= 0xf4) {
            const bool overlong = first == 0xf0 && second < 0x90;
            const bool beyond = first == 0xf4 && second > 0x8f;
            if (left >= 4 && continues(1) && continues(2) && continues(3) && !overlong && !beyond) {
                at_ += 4;
                return true;
            }
        }
        return fail(GuardFault::utf8, at_, "invalid UTF-8");
    }

    std::int64_t skip_digits() noexcept {
        const char* const start = at_;
        while (at_ != end_ && is_digit(*at_))
            ++at_;
        return at_ - start;
    }

    bool number() noexcept {
        const char* const start = at_;
        if (*at_ == '-') ++at_;
        const bool zero = next_is('0');
        const std::int64_t before = skip_digits();
        if (before == 0) return fail("no digit where a number should have one");
        if (zero && before > 1)
            return fail(GuardFault::grammar, start, "a number with a leading zero");
        std::int64_t after = 0;
        if (next_is('.')) {
            ++at_;
            after = skip_digits();
            if (after == 0) return fail("no digit after the point of a number");
        }
        std::int64_t exponent = 0;
        if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
            if (!read_exponent(exponent)) return false;
            expansion_left_ -= exponent < 0 ? -exponent : exponent;
        }
        if (before + exponent > max_digits_before_point ||
            after - exponent > max_digits_after_point || before > max_digits_before_point) {
            return fail(GuardFault::number_range, start, "a number beyond the range of numeric");
        }
        if (expansion_left_ < 0) {
            return fail(GuardFault::number_expansion, start,
                        "exponents write out to too many digits");
        }
        return true;
    }

    bool read_exponent(std::int64_t& exponent) noexcept {
        ++at_;
        const bool negative = next_is('-');
        if (negative || next_is('+')) ++at_;
        if (at_ == end_ || !is_digit(*at_)) return fail("no digit in the exponent of a number");
        for (; at_ != end_ && is_digit(*at_); ++at_) {
            exponent = std::min(exponent * 10 + (*at_ - '0'), exponent_ceiling);
        }
        if (negative) exponent = -exponent;
        return true;
    }

    const char* const begin_;
    const char* at_;
    const char* const end_;
    const std::size_t max_depth_;
    std::int64_t expansion_left_;
    std::size_t depth_ = 0;
    bool in_object_ = false;
    GuardVerdict verdict_;
    std::array<std::uint64_t, deepest / 64> objects_;  // one bit per level; set before it is read
};

}  // namespace

GuardVerdict guard_json(std::string_view text, const GuardOptions& options) noexcept {
    if (options.utf8_checked) return Guard<false>(text, options).run();
    return Guard<true>(text, options).run();
}

}  // namespace subcults::jetstream
