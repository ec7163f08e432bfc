// The table that --help prints, laid out for terminals of 100 columns.
#include "base/config.hpp"

#include <algorithm>

namespace subcults {

namespace {

constexpr std::size_t line_width = 100;
constexpr std::size_t indent = 2;
constexpr std::size_t gap = 2;
// Names and defaults share a line with the meaning only as far as they leave it room; longer ones
// push it to the next line.
constexpr std::size_t widest_name = 32;
constexpr std::size_t widest_fallback = 16;

// Columns, not bytes: help texts may hold any UTF-8 and bytes that continue a character add none.
std::size_t columns(std::string_view text) noexcept {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
    }));
}

void pad_to(std::string& line, std::size_t column) {
    const std::size_t used = columns(line);
    if (used < column) line.append(column - used, ' ');
}

// Appends `text` word by word, starting at `column`, continuing below itself.
void append_wrapped(std::string& out, std::string line, std::size_t column, std::string_view text) {
    bool line_has_words = false;
    while (!text.empty()) {
        const std::size_t space = text.find(' ');
        const std::string_view word = text.substr(0, space);
        text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
        if (word.empty()) continue;
        if (line_has_words && columns(line) + 1 + columns(word) > line_width) {
            out.append(line).push_back('\n');
            line.clear();
            line_has_words = false;
        }
        if (line_has_words) {
            line.push_back(' ');
        } else {
            pad_to(line, column);
        }
        line.append(word);
        line_has_words = true;
    }
    out.append(line).push_back('\n');
}

}  // namespace

std::string ConfigTable::help() const {
    std::size_t name_width = columns("variable");
    std::size_t fallback_width = columns("default");
    for (const Entry& entry : entries_) {
        if (columns(entry.name) <= widest_name) {
            name_width = std::max(name_width, columns(entry.name));
        }
        if (columns(entry.fallback) <= widest_fallback) {
            fallback_width = std::max(fallback_width, columns(entry.fallback));
        }
    }
    const std::size_t fallback_column = indent + name_width + gap;
    const std::size_t help_column = fallback_column + fallback_width + gap;

    std::string out;
    std::string line(indent, ' ');
    const auto finish_line = [&out, &line] {
        out.append(line).push_back('\n');
        line.clear();
    };
    line.append("variable");
    pad_to(line, fallback_column);
    line.append("default");
    append_wrapped(out, std::move(line), help_column, "meaning");

    for (const Entry& entry : entries_) {
        line.assign(indent, ' ');
        line.append(entry.name);
        if (columns(entry.name) > name_width) finish_line();
        pad_to(line, fallback_column);
        const std::string_view fallback =
            entry.fallback.empty() ? std::string_view("unset") : std::string_view(entry.fallback);
        line.append(fallback);
        if (columns(fallback) > fallback_width) finish_line();
        append_wrapped(out, std::move(line), help_column, entry.help);
        line.clear();
    }
    return out;
}

}  // namespace subcults
