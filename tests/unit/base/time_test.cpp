#include "base/time.hpp"

#include <catch2/catch.hpp>

#include <limits>
#include <string>
#include <utility>
#include <vector>

using subcults::format_rfc3339;
using subcults::parse_rfc3339;
using subcults::UnixMicros;

TEST_CASE("RFC 3339 date-times are read exactly") {
    const std::vector<std::pair<std::string, std::int64_t>> good{
        {"1970-01-01T00:00:00Z", 0},
        {"2026-01-29T02:30:00Z", 1'769'653'800'000'000},
        {"2026-01-29t02:30:00z", 1'769'653'800'000'000},
        {"2026-01-29 02:30:00Z", 1'769'653'800'000'000},
        {"2026-01-29T02:30:00+00:00", 1'769'653'800'000'000},
        {"2026-01-29T02:30:00-00:00", 1'769'653'800'000'000},
        {"2026-01-29T03:30:00+01:00", 1'769'653'800'000'000},
        {"2026-01-28T21:00:00-05:30", 1'769'653'800'000'000},
        {"2026-01-30T02:29:00+23:59", 1'769'653'800'000'000},
        {"2026-01-28T02:31:00-23:59", 1'769'653'800'000'000},
        {"2026-01-29T02:30:00.1Z", 1'769'653'800'100'000},
        {"2026-01-29T02:30:00.123Z", 1'769'653'800'123'000},
        {"2026-01-29T02:30:00.123456Z", 1'769'653'800'123'456},
        {"2026-01-29T02:30:00.123456789Z", 1'769'653'800'123'456},
        {"2026-01-29T02:30:00.9999999999999999999999999Z", 1'769'653'800'999'999},
        {"2026-01-29T02:30:00.000000Z", 1'769'653'800'000'000},
        {"2024-02-29T12:00:00Z", 1'709'208'000'000'000},
        {"2000-02-29T00:00:00Z", 951'782'400'000'000},
        {"1900-02-28T00:00:00Z", -2'203'977'600'000'000},
        {"1969-12-31T23:59:59Z", -1'000'000},
        {"1969-12-31T23:59:59.999999Z", -1},
        {"0001-01-01T00:00:00Z", -62'135'596'800'000'000},
        {"9999-12-31T23:59:59.999999Z", 253'402'300'799'999'999},
        {"2016-12-31T23:59:60Z", 1'483'228'799'999'999},
        {"2016-12-31T23:59:60.5Z", 1'483'228'799'999'999},
        {"2017-01-01T08:59:60+09:00", 1'483'228'799'999'999},
    };
    for (const auto& [text, expected] : good) {
        INFO(text);
        const auto parsed = parse_rfc3339(text);
        REQUIRE(parsed);
        CHECK(parsed->value == expected);
    }
}

TEST_CASE("what is not an RFC 3339 date-time is refused") {
    using namespace std::string_literals;
    const std::vector<std::string> bad{
        "",
        "2026",
        "2026-01-29",
        "2026-01-29T02:30:00",
        "2026-01-29T02:30Z",
        "2026-01-29T02:30:00ZZ",
        "2026-01-29T02:30:00Z ",
        " 2026-01-29T02:30:00Z",
        "2026-01-29T02:30:00Z\0"s,
        "2026-01-29\0"s
        "02:30:00Z",
        "2026-01-29_02:30:00Z",
        "2026-02-30T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-00-10T00:00:00Z",
        "2026-13-10T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-01-29T24:00:00Z",
        "2026-01-29T02:60:00Z",
        "2026-01-29T02:30:61Z",
        "2026-01-29T02:30:60Z",
        "2016-12-31T23:59:60+01:00",
        "2026-01-29T02:30:00.Z",
        "2026-01-29T02:30:00,5Z",
        "2026-01-29T02:30:00.5",
        "2026-01-29T02:30:00.-5Z",
        "2026-01-29T02:30:00+24:00",
        "2026-01-29T02:30:00+01:60",
        "2026-01-29T02:30:00+0100",
        "2026-01-29T02:30:00+01",
        "2026-01-29T02:30:00 +01:00",
        "2026-01-29T02:30:00+1:000",
        "2026-01-29T02:30:00+-1:00",
        "2026-01-29T02:30:00GMT",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "+2026-01-29T02:30:00Z",
        "20260-01-29T02:30:00Z",
        "-026-01-29T02:30:00Z",
        "2026-1-029T02:30:00Z",
        "2026/01/29T02:30:00Z",
        "2026-01-29T02-30-00Z",
        "2O26-01-29T02:30:00Z",
        "2026-01-29T\xef\xbc\x90:30:00Z",
        "\xff\xff\xff\xff-01-29T02:30:00Z",
    };
    for (const std::string& text : bad) {
        INFO(text);
        CHECK_FALSE(parse_rfc3339(text));
    }
}

TEST_CASE("fractions are printed in groups of three and only when they are not zero") {
    const std::int64_t base = 1'769'653'800'000'000;
    CHECK(format_rfc3339({base}) == "2026-01-29T02:30:00Z");
    CHECK(format_rfc3339({base + 123'000}) == "2026-01-29T02:30:00.123Z");
    CHECK(format_rfc3339({base + 100'000}) == "2026-01-29T02:30:00.100Z");
    CHECK(format_rfc3339({base + 123'456}) == "2026-01-29T02:30:00.123456Z");
    CHECK(format_rfc3339({base + 1}) == "2026-01-29T02:30:00.000001Z");
    CHECK(format_rfc3339({-1}) == "1969-12-31T23:59:59.999999Z");
    CHECK(format_rfc3339({-62'135'596'800'000'000}) == "0001-01-01T00:00:00Z");
}

TEST_CASE("times beyond RFC 3339 are printed as the nearest that it can express") {
    CHECK(format_rfc3339({std::numeric_limits<std::int64_t>::min()}) == "0001-01-01T00:00:00Z");
    CHECK(format_rfc3339({std::numeric_limits<std::int64_t>::max()}) ==
          "9999-12-31T23:59:59.999999Z");
}

TEST_CASE("every day of four centuries survives printing and reading") {
    constexpr std::int64_t day = 86'400'000'000;
    const std::int64_t first = parse_rfc3339("1800-01-01T00:00:00Z")->value;
    std::int64_t broken = 0;
    std::string previous;
    for (std::int64_t i = 0; i < 146'097; ++i) {
        const UnixMicros time{first + i * day + (i * 7'919'123'457) % day};
        const std::string text = format_rfc3339(time);
        // Text order is time order, so a repeated or skipped day would show.
        if (parse_rfc3339(text) != time || text.substr(0, 10) <= previous) ++broken;
        previous = text.substr(0, 10);
    }
    CHECK(broken == 0);
    CHECK(previous == "2199-12-31");
}

TEST_CASE("the wall clock reads as microseconds of this century") {
    const std::string text = format_rfc3339(subcults::now_micros());
    CHECK(text.substr(0, 2) == "20");
}
