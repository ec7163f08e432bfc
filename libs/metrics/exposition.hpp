// The pieces of the Prometheus text format 0.0.4: escaping, numbers, and a buffered writer.
// Pure functions; the writer belongs to one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace subcults::metrics {

// Appends a label value with backslash, quote and newline escaped.
void append_label_value(std::string& out, std::string_view value);
// Appends a HELP text with backslash and newline escaped.
void append_help(std::string& out, std::string_view text);

// True for well-formed UTF-8 without U+0000 (scrapers refuse both, and the whole page with them).
bool is_clean_utf8(std::string_view text) noexcept;
// The text with every offending byte replaced by U+FFFD.
std::string cleaned_utf8(std::string_view text);

// The longest text that write_number produces.
inline constexpr std::size_t max_number_size = 32;
// Writes a number to `at` (room for max_number_size) and returns its end. Doubles in the shortest
// form that reads back as the same value, whole ones without an exponent; +Inf, -Inf and NaN.
char* write_number(char* at, std::uint64_t value) noexcept;
char* write_number(char* at, double value) noexcept;

// Collects lines in a block on the stack and appends block by block: one copy more, but far fewer
// calls than appending piece by piece.
class ExpositionWriter {
  public:
    explicit ExpositionWriter(std::string& out) : out_(out) {}
    ~ExpositionWriter() = default;
    ExpositionWriter(const ExpositionWriter&) = delete;
    ExpositionWriter& operator=(const ExpositionWriter&) = delete;

    void text(std::string_view piece);
    // One sample line; `prefix` is all of it up to and including the blank before the value.
    template <class Number>
    void sample(std::string_view prefix, Number value) {
        if (block_.size() - used_ < prefix.size() + max_number_size + 1) flush();
        if (block_.size() < prefix.size() + max_number_size + 1) {
            out_.append(prefix);
        } else {
            put(prefix);
        }
        char* end = write_number(block_.data() + used_, value);
        *end++ = '\n';
        used_ = static_cast<std::size_t>(end - block_.data());
    }
    // To be called after the last piece.
    void flush();

  private:
    void put(std::string_view piece) noexcept;

    std::string& out_;
    std::size_t used_ = 0;
    std::array<char, 16 * 1024> block_;
};

}  // namespace subcults::metrics
