#include "metrics/exposition.hpp"

#include "exposition_reader.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

using namespace subcults::metrics;
using namespace std::string_view_literals;

namespace {

template <class Number>
std::string printed(Number value) {
    char buffer[max_number_size];
    return {buffer, write_number(buffer, value)};
}

}  // namespace

TEST_CASE("numbers are printed as scrapers read them") {
    CHECK(printed(std::uint64_t{0}) == "0");
    CHECK(printed(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
    CHECK(printed(0.0) == "0");
    CHECK(printed(1'000'000.0) == "1000000");
    CHECK(printed(-7.0) == "-7");
    CHECK(printed(0.1) == "0.1");
    CHECK(printed(1.0 / 3) == "0.3333333333333333");
    CHECK(printed(1769653800.123456) == "1769653800.123456");
    CHECK(printed(std::nan("")) == "NaN");
    CHECK(printed(std::numeric_limits<double>::infinity()) == "+Inf");
    CHECK(printed(-std::numeric_limits<double>::infinity()) == "-Inf");
}

TEST_CASE("every double fits the buffer and reads back as itself") {
    for (const double value :
         {std::numeric_limits<double>::max(), std::numeric_limits<double>::lowest(),
          std::numeric_limits<double>::min(), -std::numeric_limits<double>::denorm_min(),
          -2.2250738585072014e-308, 9007199254740993.0, 1e15, 1e15 - 0.125, 999999999999999.0}) {
        CHECK(subcults::test::read_number(printed(value)) == value);
        CHECK(printed(value).size() <= max_number_size);
    }
}

TEST_CASE("label values and help texts are escaped") {
    std::string out;
    append_label_value(out, "a\\b\"c\nd\te");
    CHECK(out == "a\\\\b\\\"c\\nd\te");
    out.clear();
    append_help(out, "a\\b\"c\nd");
    CHECK(out == "a\\\\b\"c\\nd");
}

TEST_CASE("text that is not UTF-8 is told from text that is") {
    CHECK(is_clean_utf8(""));
    CHECK(is_clean_utf8("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8E\xB5 \xEF\xBF\xBD"));
    CHECK_FALSE(is_clean_utf8("\0"sv));
    CHECK_FALSE(is_clean_utf8("\x80"));
    CHECK_FALSE(is_clean_utf8("\xC0\xAF"));          // overlong
    CHECK_FALSE(is_clean_utf8("\xE0\x80\xAF"));      // overlong
    CHECK_FALSE(is_clean_utf8("\xED\xA0\x80"));      // surrogate
    CHECK_FALSE(is_clean_utf8("\xF4\x90\x80\x80"));  // beyond U+10FFFF
    CHECK_FALSE(is_clean_utf8("\xE2\x82"));          // cut short
    CHECK_FALSE(is_clean_utf8("\xFF"));
    CHECK(cleaned_utf8("a\xFFz\xE2\x82") == "a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD");
    CHECK(cleaned_utf8("\xE2\x82\xAC") == "\xE2\x82\xAC");
}

TEST_CASE("the writer keeps the order of pieces of every size") {
    std::string out = "before\n";
    std::string expected = out;
    {
        ExpositionWriter writer(out);
        const std::string large(20'000, 'x');
        for (std::uint64_t i = 0; i < 5'000; ++i) {
            writer.sample("name{label=\"value\"} ", i);
            expected += "name{label=\"value\"} " + std::to_string(i) + "\n";
            if (i % 1'000 == 0) {
                writer.text(large);
                writer.sample(large, 0.5);
                expected += large + large + "0.5\n";
            }
        }
        writer.flush();
    }
    CHECK(out == expected);
}
