// An independent strict JSON parser, as the judge of what is JSON.
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace subcults::fuzz {

// Iterative (depth must not matter), with its encoding checks on, and without its own opinion on
// how large a number may be.
inline constexpr unsigned oracle_flags = rapidjson::kParseIterativeFlag |
                                         rapidjson::kParseValidateEncodingFlag |
                                         rapidjson::kParseNumbersAsStringsFlag;

enum class Opinion { json, no_json, none };

// `none`: the oracle gives up on an exponent that no double can hold, JSON or not.
inline Opinion parse(rapidjson::Document& document, std::string_view text) {
    // A plain string stream would take a NUL for the end of the text.
    rapidjson::MemoryStream stream(text.data(), text.size());
    document.ParseStream<oracle_flags, rapidjson::UTF8<>>(stream);
    if (document.GetParseError() == rapidjson::kParseErrorNumberTooBig) return Opinion::none;
    const bool whole = stream.Tell() == text.size();
    return !document.HasParseError() && whole ? Opinion::json : Opinion::no_json;
}

// Objects with a key given twice never compare equal, so values are compared as they print.
inline std::string printed(const rapidjson::Value& value) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    value.Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

[[noreturn]] inline void fail(const char* what, std::string_view text) {
    std::fprintf(stderr, "%s\n%.*s\n", what, static_cast<int>(text.size()), text.data());
    std::abort();
}

}  // namespace subcults::fuzz
