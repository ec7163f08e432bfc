#include "jetstream/json_guard.hpp"

#include <catch2/catch.hpp>

#include <simdjson.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace subcults::jetstream;

namespace {

std::string nested(std::size_t depth, char open, char close) {
    return std::string(depth, open) + std::string(depth, close);
}
std::string nested_objects(std::size_t depth) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i)
        text += "{\"a\":";
    return text + "1" + std::string(depth, '}');
}

struct Case {
    std::string text;
    GuardFault fault = GuardFault::none;
};

// Runs the guard on a copy without a byte to spare behind it, so that a sanitizer sees any
// reading beyond the end.
GuardVerdict judge(std::string_view text, GuardOptions options = {}) {
    const std::unique_ptr<char[]> exact(new char[text.size()]);
    text.copy(exact.get(), text.size());
    return guard_json({exact.get(), text.size()}, options);
}

std::vector<Case> nasty_cases() {
    using F = GuardFault;
    return {
        // values of every kind
        {"{}"},
        {"[]"},
        {"\"\""},
        {"0"},
        {"-0"},
        {"-0.0e-0"},
        {"1E+5"},
        {"1e05"},
        {"0.5"},
        {"123456789012345678901234567890"},
        {"1e400"},
        {"-1.5e-400"},
        {"true"},
        {"false"},
        {"null"},
        {" \t\r\n{ \"a\" : [ 1 , 2 , { } , [ ] ] , \"b\" : null } \n"},
        {R"({"":0})"},
        {R"({"a":1,"a":2})"},
        {R"("\"\\\/\b\f\n\r\t\u0041\uD83D\uDE00\ud83d\ude00\uffff\u007f")"},
        {"\"\x7f\""},
        {"\"\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf\""},
        {"\"\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf\""},
        {"\"12345678\""},
        {"\"1234567\xc3\xa9\""},
        {"\"1234567\\n\""},
        {"{\"\\u0000x\":1}", F::nul_escape},
        // grammar
        {"", F::grammar},
        {" ", F::grammar},
        {"{", F::grammar},
        {"}", F::grammar},
        {"[", F::grammar},
        {"]", F::grammar},
        {"[}", F::grammar},
        {"{]", F::grammar},
        {"[1,]", F::grammar},
        {"[,1]", F::grammar},
        {"[1 2]", F::grammar},
        {"[1,,2]", F::grammar},
        {"{\"a\"}", F::grammar},
        {"{\"a\":}", F::grammar},
        {"{\"a\":1,}", F::grammar},
        {"{\"a\" 1}", F::grammar},
        {"{\"a\":1 \"b\":2}", F::grammar},
        {"{a:1}", F::grammar},
        {"{1:1}", F::grammar},
        {"{\"a\":1]", F::grammar},
        {"[1:2]", F::grammar},
        {"{,}", F::grammar},
        {"{\"a\":1}}", F::grammar},
        {"{} {}", F::grammar},
        {"1 1", F::grammar},
        {"\"a\" x", F::grammar},
        {"tru", F::grammar},
        {"True", F::grammar},
        {"truex", F::grammar},
        {"[tru]", F::grammar},
        {"nul", F::grammar},
        {"NaN", F::grammar},
        {"Infinity", F::grammar},
        {"-Infinity", F::grammar},
        {"undefined", F::grammar},
        {"'a'", F::grammar},
        {"/* c */1", F::grammar},
        {"1//", F::grammar},
        {"01", F::grammar},
        {"-01", F::grammar},
        {"00", F::grammar},
        {"+1", F::grammar},
        {"-", F::grammar},
        {".5", F::grammar},
        {"5.", F::grammar},
        {"1.e5", F::grammar},
        {"1e", F::grammar},
        {"1e+", F::grammar},
        {"1e5.5", F::grammar},
        {"0x10", F::grammar},
        {"1_000", F::grammar},
        {"--1", F::grammar},
        {"1a", F::grammar},
        {"\"", F::grammar},
        {"\"abc", F::grammar},
        {"\"abcdefghijkl", F::grammar},
        {"\"\\", F::grammar},
        {"\"\\\"", F::grammar},
        {"\"\\x41\"", F::grammar},
        {"\"\\'\"", F::grammar},
        {"\"\\U0041\"", F::grammar},
        {"\"\\u\"", F::grammar},
        {"\"\\u004\"", F::grammar},
        {"\"\\u004g\"", F::grammar},
        {"\"\\u 041\"", F::grammar},
        {"\"\\u+041\"", F::grammar},
        {"\"\\uD83D\\uDE0\"", F::grammar},
        {"\"a\nb\"", F::grammar},
        {"\"a\tb\"", F::grammar},
        {"\"1234567\x1f\"", F::grammar},
        {std::string("\"a\0b\"", 5), F::grammar},
        {std::string("1\0", 2), F::grammar},
        {std::string("\0", 1), F::grammar},
        {"\xef\xbb\xbf{}", F::grammar},
        {"\xc2\xa0{}", F::grammar},
        {"{}\x0b", F::grammar},
        {"\xc3\xa9", F::grammar},
        // UTF-8
        {"\"\x80\"", F::utf8},
        {"\"\xbf\"", F::utf8},
        {"\"\xc0\x80\"", F::utf8},
        {"\"\xc1\xbf\"", F::utf8},
        {"\"\xc3\"", F::utf8},
        {"\"\xc3", F::utf8},
        {"\"\xe0\x9f\xbf\"", F::utf8},
        {"\"\xe2\x82\"", F::utf8},
        {"\"\xe2\x82", F::utf8},
        {"\"\xed\xa0\x80\"", F::utf8},
        {"\"\xed\xbf\xbf\"", F::utf8},
        {"\"\xf0\x8f\xbf\xbf\"", F::utf8},
        {"\"\xf0\x9f\x98\"", F::utf8},
        {"\"\xf4\x90\x80\x80\"", F::utf8},
        {"\"\xf5\x80\x80\x80\"", F::utf8},
        {"\"\xff\"", F::utf8},
        {"\"1234567\xc3\xa9\xfe\"", F::utf8},
        // escapes that stand for nothing
        {R"("\u0000")", F::nul_escape},
        {R"("abcdefgh\u0000")", F::nul_escape},
        {R"("\ud800")", F::surrogate_escape},
        {R"("\udfff")", F::surrogate_escape},
        {R"("\udc00\ud800")", F::surrogate_escape},
        {R"("\ud800\ud800\udc00")", F::surrogate_escape},
        {R"("\ud83dx")", F::surrogate_escape},
        {R"("\ud83d\n")", F::surrogate_escape},
        {R"("\uDBFF\u0041")", F::surrogate_escape},
        // numbers at the edge of numeric
        {"1e131071"},
        {"1e131072", F::number_range},
        {"12e131071", F::number_range},
        {"-1e131071"},
        {"1e-16383"},
        {"1e-16384", F::number_range},
        {"1.5e-16382"},
        {"1.5e-16383", F::number_range},
        {"0e-16384", F::number_range},
        {"1e200000", F::number_range},
        {"1e-200000", F::number_range},
        {"1e99999999999999999999", F::number_range},
        {"1e-99999999999999999999", F::number_range},
        {"0e2147483647", F::number_range},
        {std::string(131072, '9')},
        {std::string(131073, '9'), F::number_range},
        {"0." + std::string(16383, '1')},
        {"0." + std::string(16384, '1'), F::number_range},
        {"0." + std::string(16390, '1') + "e7"},
        {"[1e131071,1e131071]"},
        {"[1e131071,1e131071,1]"},
        {"[1e131071,1e131071,1e9]", F::number_expansion},
        // depth
        {nested(256, '[', ']')},
        {nested(257, '[', ']'), F::depth},
        {nested_objects(256)},
        {nested_objects(257), F::depth},
        {nested(100'000, '[', ']'), F::depth},
        {std::string(100'000, '['), F::depth},
    };
}

}  // namespace

TEST_CASE("The guard accepts what jsonb stores and names the fault of everything else") {
    for (const Case& example : nasty_cases()) {
        INFO("'" << example.text.substr(0, 80) << "' (" << example.text.size() << " bytes)");
        const GuardVerdict verdict = judge(example.text);
        INFO(verdict.reason << " at " << verdict.offset);
        CHECK(static_cast<int>(verdict.fault) == static_cast<int>(example.fault));
        CHECK(verdict.good() == std::string_view(verdict.reason).empty());
    }
}

TEST_CASE("A fault inside a record is found at every alignment of the string scan") {
    for (std::size_t before = 0; before < 20; ++before) {
        for (const auto& [text, fault] :
             std::vector<std::pair<std::string, GuardFault>>{{"\\u0000", GuardFault::nul_escape},
                                                             {"\x01", GuardFault::grammar},
                                                             {"\\q", GuardFault::grammar},
                                                             {"\xff", GuardFault::utf8}}) {
            const std::string frame =
                "{\"k\":\"" + std::string(before, 'a') + text + std::string(13, 'b') + "\"}";
            const GuardVerdict verdict = judge(frame);
            INFO(frame);
            CHECK(static_cast<int>(verdict.fault) == static_cast<int>(fault));
            CHECK(verdict.offset == 6 + before);
        }
    }
}

TEST_CASE("Every truncation of a document is malformed") {
    const std::string whole =
        R"({"a":[1,-2.5e3,"x\u00e9\ud83d\ude00",true,false,null,{"b":{}}],"c":"é😀"})";
    REQUIRE(judge(whole).good());
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const GuardVerdict verdict = judge(whole.substr(0, size));
        INFO(size << ": " << verdict.reason);
        CHECK(verdict.malformed());
        CHECK(verdict.offset <= size);
    }
}

TEST_CASE("Depth and expansion limits are the caller's to set") {
    GuardOptions options;
    options.max_depth = 3;
    CHECK(judge("[[[1]]]", options).good());
    CHECK(judge("[[[[1]]]]", options).fault == GuardFault::depth);
    CHECK(judge("[[[[1]]]]", options).offset == 3);
    options.max_depth = 0;
    CHECK(judge("1", options).good());
    CHECK(judge("[]", options).fault == GuardFault::depth);
    options.max_depth = 1'000'000;
    CHECK(judge(nested(4096, '[', ']'), options).good());
    CHECK(judge(nested(4097, '[', ']'), options).fault == GuardFault::depth);
    options.max_expansion = 10;
    CHECK(judge("[1e5,1e-5]", options).good());
    CHECK(judge("[1e5,1e-6]", options).fault == GuardFault::number_expansion);
}

TEST_CASE("A caller that has checked the UTF-8 gets the other faults all the same") {
    GuardOptions options;
    options.utf8_checked = true;
    CHECK(judge("\"\xc3\xa9\xf0\x9f\x98\x80\"", options).good());
    CHECK(judge("\"\xc3\xa9\\u0000\"", options).fault == GuardFault::nul_escape);
    CHECK(judge("\"\xc3\xa9\n\"", options).fault == GuardFault::grammar);
    CHECK(judge("\xc3\xa9", options).fault == GuardFault::grammar);
}

TEST_CASE("The guard agrees with simdjson's DOM parser on what is JSON") {
    // Where they may differ: the DOM parser has its own number range and depth and takes U+0000.
    simdjson::dom::parser parser;
    std::size_t compared = 0;
    for (const Case& example : nasty_cases()) {
        if (example.fault != GuardFault::none && example.fault != GuardFault::grammar &&
            example.fault != GuardFault::utf8 && example.fault != GuardFault::surrogate_escape) {
            continue;
        }
        const auto error = parser.parse(example.text).error();
        if (error == simdjson::NUMBER_ERROR && example.fault == GuardFault::none) continue;
        INFO("'" << example.text.substr(0, 80) << "': " << simdjson::error_message(error));
        CHECK((error == simdjson::SUCCESS) == (example.fault == GuardFault::none));
        ++compared;
    }
    CHECK(compared > 100);
}

TEST_CASE("The guard agrees with simdjson's DOM parser on mutations of a record") {
    const std::string base =
        R"({"$type":"tv.subcult.scene","name":"Noise \"café\" 😀","tags":["a","b"],"n":[1,-20,3.5e2],)"
        R"("deep":{"x":{"y":[true,false,null]}},"t":"\u00e9\ud83d\ude00"})";
    const std::string bytes = "\"\\{}[]:,0123456789.eE+-tfnu \n\t\x01\x80\xc3\xff/";
    simdjson::dom::parser parser;
    std::uint64_t state = 7;
    const auto random = [&state](std::size_t below) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        return static_cast<std::size_t>((state >> 33) % below);
    };
    std::size_t good = 0;
    for (int i = 0; i < 40'000; ++i) {
        std::string text = base;
        for (std::size_t edits = 1 + random(3); edits > 0; --edits) {
            const std::size_t at = random(text.size());
            switch (random(3)) {
                case 0:
                    text[at] = bytes[random(bytes.size())];
                    break;
                case 1:
                    text.erase(at, 1 + random(3));
                    break;
                default:
                    text.insert(at, 1, bytes[random(bytes.size())]);
            }
        }
        const GuardVerdict verdict = judge(text);
        const auto error = parser.parse(text).error();
        // A mutation can make a number too big for one of them, or spell U+0000.
        if (error == simdjson::NUMBER_ERROR || verdict.fault == GuardFault::nul_escape ||
            verdict.fault == GuardFault::number_range ||
            verdict.fault == GuardFault::number_expansion) {
            continue;
        }
        INFO(text << "\nguard: " << verdict.reason << " at " << verdict.offset
                  << "\nDOM: " << simdjson::error_message(error));
        REQUIRE(verdict.good() == (error == simdjson::SUCCESS));
        good += verdict.good() ? 1 : 0;
    }
    CHECK(good > 5'000);
}
