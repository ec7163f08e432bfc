#include "quality/window.hpp"
#include "quality/quality_requests.hpp"
#include "unit/api/fake_request.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <string>

using namespace subcults;
using namespace subcults::api;
using namespace subcults::api::quality;

namespace {

const UnixMicros now{1'766'537'083'000'000};

std::string time_ago(std::int64_t microseconds) {
    return std::string("\"").append(format_rfc3339(UnixMicros{now.value - microseconds})) + "\"";
}

// A window as JSON: the fields of a good one, some of them replaced, added or (with "") left out.
std::string window_with(const std::map<std::string, std::string>& changes) {
    std::map<std::string, std::string> fields{{"seq", "7"},
                                              {"measured_at", time_ago(2'000'000)},
                                              {"window_ms", "10000"},
                                              {"direction", "\"uplink\""},
                                              {"bitrate_kbps", "31.5"},
                                              {"jitter_ms", "4.25"},
                                              {"packet_loss_percent", "0"},
                                              {"audio_level", "0.125"},
                                              {"rtt_ms", "48"}};
    for (const auto& [name, value] : changes)
        fields[name] = value;
    std::string text;
    for (const auto& [name, value] : fields) {
        if (value.empty()) continue;
        text += (text.empty() ? "{\"" : ",\"") + name + "\":" + value;
    }
    return text + "}";
}

Result<Report, InputError> read(const std::string& windows) {
    return read_report("{\"windows\":[" + windows + "]}", now);
}

// "reason" or "reason field" of the only window, "accepted" where there is none.
std::string verdict(const std::string& window) {
    const auto report = read(window);
    if (!report) return "refused: " + report.error().message;
    if (report->rejected.empty()) return "accepted";
    std::string text(report->rejected[0].reason);
    if (!report->rejected[0].field.empty()) text.append(" ").append(report->rejected[0].field);
    return text;
}

}  // namespace

TEST_CASE("a window is read as it was sent") {
    const auto report = read(window_with({{"muted", "true"}}));
    REQUIRE(report.has_value());
    REQUIRE(report->windows.size() == 1);
    const Window& window = report->windows[0];
    CHECK(window.seq == 7);
    CHECK(window.measured_at == UnixMicros{now.value - 2'000'000});
    CHECK(window.window_ms == 10'000);
    CHECK(window.uplink);
    CHECK(window.muted);
    CHECK_FALSE(window.late);
    CHECK(window.values.bitrate_kbps == 31.5);
    CHECK(window.values.jitter_ms == 4.25);
    CHECK(window.values.packet_loss_percent == 0.0);
    CHECK(window.values.audio_level == 0.125);
    CHECK(window.values.rtt_ms == 48.0);
    CHECK(verdict(window_with({{"direction", "\"downlink\""}})) == "accepted");
}

TEST_CASE("null is not zero") {
    for (const char* absent : {"", "null"}) {
        const auto report = read(window_with({{"jitter_ms", absent}, {"muted", absent}}));
        REQUIRE(report.has_value());
        REQUIRE(report->windows.size() == 1);
        CHECK_FALSE(report->windows[0].values.jitter_ms.has_value());
        CHECK_FALSE(report->windows[0].muted);
    }
    CHECK(verdict(window_with({{"bitrate_kbps", "null"},
                               {"jitter_ms", ""},
                               {"packet_loss_percent", "null"},
                               {"audio_level", ""},
                               {"rtt_ms", "null"},
                               {"muted", "true"}})) == "nothing_measured");
    CHECK(verdict(window_with({{"seq", "null"}})) == "required seq");
}

TEST_CASE("values are accepted up to their limits and refused beyond, never changed") {
    struct Limit {
        const char* field;
        std::vector<const char*> inside;
        std::vector<const char*> outside;
    };
    const std::vector<Limit> limits = {
        {"bitrate_kbps", {"0", "1000", "999.999"}, {"-0.001", "1000.001", "1e300"}},
        {"jitter_ms", {"0", "60000"}, {"-1", "60000.5"}},
        {"packet_loss_percent", {"0", "100", "100.0"}, {"-0.1", "100.1"}},
        {"audio_level", {"0", "1", "0.5"}, {"-0.01", "1.01"}},
        {"rtt_ms", {"0", "60000"}, {"-1", "60001", "18446744073709551615"}},
        {"seq", {"0", "9007199254740991"}, {"-1", "9007199254740992", "18446744073709551615"}},
        {"window_ms", {"100", "300000"}, {"99", "300001", "-10000"}},
    };
    for (const Limit& limit : limits) {
        for (const char* value : limit.inside) {
            INFO(limit.field << " " << value);
            CHECK(verdict(window_with({{limit.field, value}})) == "accepted");
        }
        for (const char* value : limit.outside) {
            INFO(limit.field << " " << value);
            CHECK(verdict(window_with({{limit.field, value}})) ==
                  std::string("out_of_range ").append(limit.field));
        }
    }
}

TEST_CASE("a field of another type costs its window") {
    for (const char* field : {"bitrate_kbps", "jitter_ms", "packet_loss_percent", "audio_level",
                              "rtt_ms", "seq", "window_ms"}) {
        for (const char* value : {"\"5\"", "true", "[]", "{}", "[[[[1]]]]"}) {
            INFO(field << " " << value);
            CHECK(verdict(window_with({{field, value}})) ==
                  std::string("malformed ").append(field));
        }
    }
    CHECK(verdict(window_with({{"seq", "7.0"}})) == "malformed seq");
    CHECK(verdict(window_with({{"muted", "1"}})) == "malformed muted");
    CHECK(verdict(window_with({{"direction", "\"up\""}})) == "malformed direction");
    CHECK(verdict(window_with({{"direction", "1"}})) == "malformed direction");
    for (const char* time : {"1766537083", "\"yesterday\"", "\"2025-12-24T00:44:43\"", "{}"}) {
        INFO(time);
        CHECK(verdict(window_with({{"measured_at", time}})) == "malformed measured_at");
    }
    for (const char* field : {"seq", "measured_at", "window_ms", "direction"}) {
        CHECK(verdict(window_with({{field, ""}})) == std::string("required ").append(field));
    }
    CHECK(verdict(window_with({{"participant_id", "\"user-a\""}})) == "unknown_field");
    CHECK(verdict("{\"seq\":1,\"seq\":2}") == "duplicate_field seq");
    for (const char* other : {"5", "null", "\"x\"", "[]"})
        CHECK(verdict(other) == "not_an_object");
}

TEST_CASE("a window may be a minute ahead and ten minutes late, and is late after one") {
    const std::int64_t second = 1'000'000;
    const auto age = [&](std::int64_t microseconds) {
        return window_with({{"measured_at", time_ago(microseconds)}});
    };
    CHECK(verdict(age(-60 * second)) == "accepted");
    CHECK(verdict(age(-60 * second - 1)) == "in_the_future measured_at");
    CHECK(verdict(age(600 * second)) == "accepted");
    CHECK(verdict(age(600 * second + 1)) == "too_old measured_at");
    CHECK_FALSE(read(age(60 * second))->windows[0].late);
    CHECK(read(age(60 * second + 1))->windows[0].late);
    CHECK(verdict(window_with({{"measured_at", "\"0001-01-01T00:00:00Z\""}})) ==
          "too_old measured_at");
    CHECK(verdict(window_with({{"measured_at", "\"9999-12-31T23:59:59Z\""}})) ==
          "in_the_future measured_at");
}

TEST_CASE("a bad window does not touch its neighbours, and is named by its place and seq") {
    const auto report = read(window_with({{"seq", "1"}, {"measured_at", time_ago(12'000'000)}}) +
                             "," + window_with({{"seq", "2"}, {"jitter_ms", "-1"}}) + ",5," +
                             window_with({{"seq", "3"}}));
    REQUIRE(report.has_value());
    REQUIRE(report->windows.size() == 2);
    CHECK(report->windows[1].seq == 3);
    CHECK(report->positions == std::vector<std::size_t>{0, 3});
    REQUIRE(report->rejected.size() == 2);
    CHECK(report->rejected[0].index == 1);
    CHECK(report->rejected[0].seq == 2);
    CHECK(report->rejected[1].index == 2);
    CHECK_FALSE(report->rejected[1].seq.has_value());
}

TEST_CASE("of windows of one direction within a second the first is taken") {
    struct Sent {
        int seq;
        std::int64_t milliseconds_ago;
        const char* direction = "uplink";
    };
    // The numbers of those that are refused.
    const auto refused = [](const std::vector<Sent>& sent) {
        std::string list;
        for (const Sent& window : sent) {
            list += list.empty() ? "" : ",";
            list += window_with({{"seq", std::to_string(window.seq)},
                                 {"measured_at", time_ago(window.milliseconds_ago * 1000)},
                                 {"direction", std::string("\"").append(window.direction) + "\""}});
        }
        const auto report = read(list);
        REQUIRE(report.has_value());
        CHECK(report->windows.size() + report->rejected.size() == sent.size());
        std::vector<std::int64_t> numbers;
        for (const Rejection& rejection : report->rejected) {
            CHECK(rejection.reason == "too_dense");
            CHECK(rejection.field == "measured_at");
            REQUIRE(rejection.seq.has_value());
            CHECK(sent[rejection.index].seq == *rejection.seq);
            numbers.push_back(*rejection.seq);
        }
        return numbers;
    };
    using Numbers = std::vector<std::int64_t>;
    CHECK(refused({{1, 5000}, {2, 4000}, {3, 3000}}) == Numbers());
    CHECK(refused({{1, 5000}, {2, 4001}, {3, 4000}}) == Numbers{2});
    // What is refused does not cost the next one its place.
    CHECK(refused({{1, 5000}, {2, 4500}, {3, 4000}, {4, 3500}}) == Numbers{2, 4});
    CHECK(refused({{1, 5000}, {2, 5000}}) == Numbers{2});
    CHECK(refused({{1, 5000}, {2, 5000, "downlink"}, {3, 4500, "downlink"}}) == Numbers{3});
    // In whatever order they come.
    CHECK(refused({{1, 1000}, {2, 9000}, {3, 1500}, {4, 9500}, {5, 5000}}) == Numbers{3, 4});
    // A replay is not refused: those who store it know it.
    CHECK(refused({{1, 5000}, {1, 5000}, {1, 4500}}) == Numbers());
}

TEST_CASE("a request that is no report is refused as a whole") {
    std::string many = window_with({});
    for (std::size_t i = 1; i < max_windows; ++i)
        many.append(",").append(window_with({}));
    CHECK(read(many)->windows.size() == max_windows);
    const std::vector<std::string> bad = {
        "",
        "null",
        "[]",
        "{}",
        "{\"windows\":{}}",
        "{\"windows\":null}",
        "{\"windows\":[]}",
        "{\"windows\":[{}],\"participant_id\":\"user-a\"}",
        "{\"windows\":[{}],\"windows\":[{}]}",
        "{\"windows\":[{}]",
        "{\"windows\":[{}]} x",
        "{\"windows\":[{\"seq\":1e999}]}",
        "{\"windows\":[{\"direction\":\"\xff\"}]}",
        std::string("{\"windows\":[{}]}") + '\0',
        "{\"windows\":[" + many + "," + window_with({}) + "]}",
    };
    for (const std::string& body : bad) {
        INFO(body.substr(0, 100));
        const auto report = read_report(body, now);
        REQUIRE_FALSE(report.has_value());
        CHECK(report.error().message.size() > 5);
    }
}

TEST_CASE("nesting without end is read without harm") {
    const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
    CHECK(verdict(deep) == "not_an_object");
    CHECK(verdict(window_with({{"rtt_ms", deep}})) == "malformed rtt_ms");
    CHECK_FALSE(read_report(std::string("{\"windows\":").append(300'000, '['), now).has_value());
}

TEST_CASE("poor is strictly above the limits, in any of the three") {
    const auto values = [](double loss, double jitter, double rtt) {
        Values made;
        made.packet_loss_percent = loss;
        made.jitter_ms = jitter;
        made.rtt_ms = rtt;
        return made;
    };
    CHECK_FALSE(values(5, 30, 300).poor());
    CHECK(values(5.001, 0, 0).poor());
    CHECK(values(0, 30.001, 0).poor());
    CHECK(values(0, 0, 300.001).poor());
    CHECK_FALSE(values(5, 31, 301).high_loss());
    CHECK(values(5.001, 0, 0).high_loss());
    Values nothing;
    CHECK_FALSE(nothing.poor());
    CHECK_FALSE(nothing.judged());
    CHECK_FALSE(nothing.any());
    Values traffic;
    traffic.bitrate_kbps = 32;
    traffic.audio_level = 0.5;
    CHECK_FALSE(traffic.judged());
    for (const auto value : {&Values::packet_loss_percent, &Values::jitter_ms, &Values::rtt_ms}) {
        Values one;
        one.*value = 0;
        CHECK(one.judged());
    }
}

TEST_CASE("an attribute is one window, or nothing") {
    const auto window = read_attribute(window_with({{"seq", "9"}}), now);
    REQUIRE(window.has_value());
    CHECK(window->seq == 9);
    for (const std::string& bad :
         {std::string(), std::string("x"), std::string("{}"),
          std::string("[") + window_with({}) + "]", window_with({{"rtt_ms", "-1"}}),
          window_with({{"measured_at", time_ago(601'000'000)}}),
          window_with({}) + std::string(1024, ' ')}) {
        INFO(bad.substr(0, 100));
        CHECK_FALSE(read_attribute(bad, now).has_value());
    }
}

TEST_CASE("query parameters have their defaults and their ranges") {
    test::FakeRequest request;
    CHECK(*read_limit(request) == 100);
    CHECK(*read_since_minutes(request) == 5);
    request.parameters = {{"limit", "1000"}, {"since_minutes", "60"}, {"other", "x"}};
    CHECK(*read_limit(request) == 1000);
    CHECK(*read_since_minutes(request) == 60);
    for (const char* bad : {"0", "1001", "-1", "", "1e2", "5 ", "99999999999999999999"}) {
        INFO(bad);
        request.parameters = {{"limit", bad}};
        const auto limit = read_limit(request);
        REQUIRE_FALSE(limit.has_value());
        CHECK(limit.error().message.find("1 to 1000") != std::string::npos);
    }
    request.parameters = {{"since_minutes", "61"}};
    CHECK_FALSE(read_since_minutes(request).has_value());
    request.parameters = {{"limit", "5"}, {"limit", "5"}};
    CHECK_FALSE(read_limit(request).has_value());
}
