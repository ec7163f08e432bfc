#include "base/log.hpp"

#include "base/time.hpp"

#include <catch2/catch.hpp>

#include <rapidjson/document.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/ostream_sink.h>

#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>

using namespace subcults;
using namespace std::string_literals;

namespace {

struct CapturedLog {
    std::ostringstream out;
    Log log;

    explicit CapturedLog(LogLevel level = LogLevel::debug)
        : log("unit", level,
              std::make_shared<spdlog::logger>(
                  "test", std::make_shared<spdlog::sinks::ostream_sink_st>(out))) {}

    std::string take() {
        std::string text = out.str();
        out.str("");
        return text;
    }
};

// Parses one line as a log collector would: strict JSON, valid UTF-8, one line.
rapidjson::Document parse_line(const std::string& text) {
    REQUIRE_FALSE(text.empty());
    REQUIRE(text.back() == '\n');
    REQUIRE(text.find('\n') == text.size() - 1);
    rapidjson::Document document;
    document.Parse<rapidjson::kParseValidateEncodingFlag>(text.data(), text.size() - 1);
    REQUIRE_FALSE(document.HasParseError());
    REQUIRE(document.IsObject());
    return document;
}

std::string text_at(const rapidjson::Document& document, const char* name) {
    REQUIRE(document.HasMember(name));
    REQUIRE(document[name].IsString());
    return {document[name].GetString(), document[name].GetStringLength()};
}

}  // namespace

TEST_CASE("a line has time, level, service and event, then the fields in order") {
    CapturedLog captured;
    captured.log.info("batch committed", {{"events", 512},
                                          {"seconds", 0.012},
                                          {"ok", true},
                                          {"big", std::numeric_limits<std::uint64_t>::max()},
                                          {"small", std::numeric_limits<std::int64_t>::min()},
                                          {"name", "x"}});
    const std::string line = captured.take();
    const auto document = parse_line(line);
    const std::string time = text_at(document, "time");
    CHECK(time.size() == 24);
    CHECK(parse_rfc3339(time));
    CHECK(line == "{\"time\":\"" + time +
                      "\",\"level\":\"info\",\"service\":\"unit\",\"event\":\"batch committed\","
                      "\"events\":512,\"seconds\":0.012,\"ok\":true,\"big\":18446744073709551615,"
                      "\"small\":-9223372036854775808,\"name\":\"x\"}\n");
}

TEST_CASE("levels below the chosen one write nothing") {
    CapturedLog captured(LogLevel::warn);
    captured.log.debug("a");
    captured.log.info("b");
    CHECK(captured.take().empty());
    captured.log.warn("c");
    CHECK(text_at(parse_line(captured.take()), "level") == "warn");
    captured.log.error("d");
    CHECK(text_at(parse_line(captured.take()), "level") == "error");
    CHECK(captured.log.enabled(LogLevel::error));
    CHECK_FALSE(captured.log.enabled(LogLevel::info));

    CapturedLog silent(LogLevel::off);
    silent.log.error("e");
    silent.log.line(LogLevel::off, "f", {});
    CHECK(silent.take().empty());
}

TEST_CASE("hostile strings stay inside one line of valid JSON") {
    CapturedLog captured;
    std::string all_bytes;
    for (int byte = 0; byte < 256; ++byte) {
        all_bytes.push_back(static_cast<char>(byte));
    }
    const std::vector<std::pair<std::string, std::string>> table{
        {"\"},{\"level\":\"error\"", "\"},{\"level\":\"error\""},
        {"two\nlines\r\n", "two\nlines\r\n"},
        {"nul\0inside"s, "nul\0inside"s},
        {"back\\slash", "back\\slash"},
        {"\x1b[31mred", "\x1b[31mred"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"\xf0\x9f\x8e\xb5", "\xf0\x9f\x8e\xb5"},
        {"\xff", "\xef\xbf\xbd"},
        {"a\xc3", "a\xef\xbf\xbd"},                // cut short
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},  // overlong
        {"\xe0\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},  // surrogate
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\x80tail", "\xef\xbf\xbdtail"},
        {"", ""},
    };
    for (const auto& [hostile, expected] : table) {
        captured.log.warn("hostile", {{"value", hostile}});
        CHECK(text_at(parse_line(captured.take()), "value") == expected);
    }
    captured.log.warn(all_bytes, {{all_bytes, all_bytes}});
    parse_line(captured.take());
}

TEST_CASE("long texts are cut with an ellipsis and never inside a character") {
    CapturedLog captured;
    captured.log.info("long",
                      {{"exact", std::string(2048, 'a')}, {"over", std::string(2049, 'a')}});
    const auto document = parse_line(captured.take());
    CHECK(text_at(document, "exact") == std::string(2048, 'a'));
    CHECK(text_at(document, "over") == std::string(2048, 'a') + "\xe2\x80\xa6");

    std::string euros;
    for (int i = 0; i < 1000; ++i) {
        euros.append("\xe2\x82\xac");
    }
    captured.log.info("long", {{"value", euros}});
    const std::string cut = text_at(parse_line(captured.take()), "value");
    CHECK(cut == euros.substr(0, 2046) + "\xe2\x80\xa6");
}

TEST_CASE("a line is bounded whatever its fields hold") {
    CapturedLog captured;
    const std::string worst(100'000, '\x01');  // six bytes each once escaped
    captured.log.info(worst, {{"a", worst},
                              {"b", worst},
                              {"c", worst},
                              {"d", worst},
                              {"e", worst},
                              {"f", worst},
                              {"g", worst},
                              {"h", worst}});
    const std::string line = captured.take();
    CHECK(line.size() < 32 * 1024);
    const auto document = parse_line(line);
    REQUIRE(document.HasMember("truncated"));
    CHECK(document["truncated"].IsTrue());
}

TEST_CASE("numbers that JSON cannot express become null") {
    CapturedLog captured;
    captured.log.info("numbers", {{"nan", std::nan("")},
                                  {"inf", std::numeric_limits<double>::infinity()},
                                  {"tiny", std::numeric_limits<double>::denorm_min()},
                                  {"float", 0.5F}});
    const auto document = parse_line(captured.take());
    CHECK(document["nan"].IsNull());
    CHECK(document["inf"].IsNull());
    CHECK(document["tiny"].GetDouble() == std::numeric_limits<double>::denorm_min());
    CHECK(document["float"].GetDouble() == 0.5);
}

TEST_CASE("a field cannot pass for one of the line's own") {
    CapturedLog captured;
    captured.log.info("real", {{"level", "error"}, {"event", "fake"}, {"time", 1}, {"service", 2}});
    const auto document = parse_line(captured.take());
    CHECK(text_at(document, "level") == "info");
    CHECK(text_at(document, "event") == "real");
    CHECK(text_at(document, "event_") == "fake");
    CHECK(document.MemberCount() == 8);
}

TEST_CASE("a failing sink does not disturb the caller") {
    class FailingSink final : public spdlog::sinks::base_sink<std::mutex> {
        void sink_it_(const spdlog::details::log_msg&) override {
            throw std::runtime_error("disk full");
        }
        void flush_() override { throw std::runtime_error("disk full"); }
    };
    Log log("unit", LogLevel::info,
            std::make_shared<spdlog::logger>("test", std::make_shared<FailingSink>()));
    CHECK_NOTHROW(log.error("event"));
    CHECK_NOTHROW(log.flush());
}

TEST_CASE("a limited log writes one line per interval and counts what it held back") {
    using std::chrono::milliseconds;
    LogLimit limit(milliseconds{1'000});
    const auto start = std::chrono::steady_clock::time_point(std::chrono::hours(1));
    std::uint64_t held_back = 99;
    CHECK(limit.allow(held_back, start));
    CHECK(held_back == 0);
    for (int i = 0; i < 5; ++i) {
        CHECK_FALSE(limit.allow(held_back, start + milliseconds{i * 100}));
    }
    CHECK_FALSE(limit.allow(held_back, start + milliseconds{999}));
    CHECK(limit.allow(held_back, start + milliseconds{1'000}));
    CHECK(held_back == 6);
    CHECK(limit.allow(held_back, start + milliseconds{60'000}));
    CHECK(held_back == 0);
    CHECK_FALSE(limit.allow(held_back, start + milliseconds{60'001}));
}

TEST_CASE("level names are read as written and anything else is info") {
    CHECK(log_level_from("trace") == LogLevel::trace);
    CHECK(log_level_from("debug") == LogLevel::debug);
    CHECK(log_level_from("info") == LogLevel::info);
    CHECK(log_level_from("warn") == LogLevel::warn);
    CHECK(log_level_from("error") == LogLevel::error);
    CHECK(log_level_from("off") == LogLevel::off);
    CHECK(log_level_from("") == LogLevel::info);
    CHECK(log_level_from("WARN") == LogLevel::info);
}
