// Request targets taken apart: path, query, percent escapes. Pure functions, thread-safe, linear in
// the length of their input.
//
// What does not decode to valid UTF-8 without NUL is an error here and a 400 at the server, so that
// nothing behind it (JSON, PostgreSQL text) ever meets such bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace subcults::net {

// Well-formed UTF-8 without NUL: no overlong forms, surrogates or code points above U+10FFFF.
bool is_clean_utf8(std::string_view text) noexcept;

enum class PlusIs { plus, space };

// Appends the decoded text to `into`. False (and `into` unspecified) for a broken escape or a
// result that is not clean UTF-8.
bool percent_decode(std::string_view text, PlusIs plus, std::string& into);

using QueryParams = std::vector<std::pair<std::string, std::string>>;

// `a=1&b=x+y&flag` in the order sent; a name without `=` has an empty value, empty pieces are
// skipped. At most `max_params` pairs. False when anything does not decode or there are too many.
bool parse_query(std::string_view text, QueryParams& into, std::size_t max_params = 100);

struct Target {
    std::string_view path;   // still escaped; starts with '/', or is "*"
    std::string_view query;  // still escaped, without '?'
};

// Origin form (`/path?query`), absolute form (`http://host/path?query`) and `*`. nullopt otherwise.
// The views point into `target` (or to constants).
std::optional<Target> split_target(std::string_view target) noexcept;

}  // namespace subcults::net
