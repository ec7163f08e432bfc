// An independent strict JSON parser, as the judge of what is JSON.
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace subcults::fuzz {

// Iterative (depth must not matter), with its encoding checks on, and without its own opinion on
// how large a number may be.
inline constexpr unsigned oracle_flags = rapidjson::kParseIterativeFlag |
                                         rapidjson::kParseValidateEncodingFlag |
                                         rapidjson::kParseNumbersAsStringsFlag;

inline bool parse(rapidjson::Document& document, std::string_view text) {
    // A plain string stream would take a NUL for the end of the text.
    rapidjson::MemoryStream stream(text.data(), text.size());
    document.ParseStream<oracle_flags, rapidjson::UTF8<>>(stream);
    return !document.HasParseError() && stream.Tell() == text.size();
}

[[noreturn]] inline void fail(const char* what, std::string_view text) {
    std::fprintf(stderr, "%s\n%.*s\n", what, static_cast<int>(text.size()), text.data());
    std::abort();
}

}  // namespace subcults::fuzz
