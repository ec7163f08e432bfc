#include "reports/report_requests.hpp"

#include "unit/api/fake_request.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace subcults;
using namespace subcults::api::reports;

namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

const UnixMicros now = *parse_rfc3339("2026-11-22T12:00:00Z");
const std::string scene = "01a202ec-848e-79a5-8d35-4ed1f807e177";

Result<ReportsRequest, api::InputError> read(Parameters parameters) {
    test::FakeRequest request;
    request.parameters = std::move(parameters);
    return read_reports(request, now);
}

// The message that refuses it, "" = it is taken.
std::string refusal(Parameters parameters) {
    const auto result = read(std::move(parameters));
    if (result.has_value()) return {};
    CHECK(result.error().code == "validation_error");
    return result.error().message;
}

std::string from_of(Parameters parameters) {
    const auto result = read(std::move(parameters));
    REQUIRE(result.has_value());
    return format_rfc3339(result->asked.from);
}

}  // namespace

TEST_CASE("without parameters it is the last seven days of all scenes, by the day, as JSON") {
    const auto got = read({});
    REQUIRE(got.has_value());
    CHECK_FALSE(got->asked.scene);
    CHECK(got->asked.period == Period::day);
    CHECK(format_rfc3339(got->asked.from) == "2026-11-15T12:00:00Z");
    CHECK(format_rfc3339(got->asked.to) == "2026-11-22T12:00:00Z");
    CHECK(got->format == Format::json);
    CHECK(from_of({{"period", "hour"}}) == "2026-11-20T12:00:00Z");
}

TEST_CASE("what is given counts, and what is not known is ignored") {
    const auto got = read({{"scene_id", scene},
                           {"period", "hour"},
                           {"from", "2026-11-01T00:00:00+01:00"},
                           {"to", "2026-11-02T00:00:00Z"},
                           {"format", "csv"},
                           {"utm_source", "x"}});
    REQUIRE(got.has_value());
    REQUIRE(got->asked.scene);
    CHECK(got->asked.scene->to_string() == scene);
    CHECK(got->asked.period == Period::hour);
    CHECK(format_rfc3339(got->asked.from) == "2026-10-31T23:00:00Z");
    CHECK(format_rfc3339(got->asked.to) == "2026-11-02T00:00:00Z");
    CHECK(got->format == Format::csv);
    // Counted back from the end that was asked for.
    CHECK(from_of({{"to", "2020-01-08T00:00:00Z"}}) == "2020-01-01T00:00:00Z");
}

TEST_CASE("parameters out of their range are refused with the range") {
    CHECK(refusal({{"period", "week"}}) == "Parameter 'period' must be 'hour' or 'day'.");
    CHECK(refusal({{"format", "xml"}}) == "Parameter 'format' must be 'json' or 'csv'.");
    CHECK(refusal({{"scene_id", "5"}}) == "Parameter 'scene_id' must be the UUID of a scene.");
    CHECK(refusal({{"scene_id", "00000000-0000-0000-0000-000000000000"}}) ==
          "Parameter 'scene_id' must be the UUID of a scene.");
    CHECK(refusal({{"from", "yesterday"}}) == "Parameter 'from' must be an RFC 3339 time.");
    CHECK(refusal({{"to", ""}}) == "Parameter 'to' must be an RFC 3339 time.");
    CHECK(refusal({{"from", "2026-11-22T12:00:00Z"}}) == "Parameter 'from' must be before 'to'.");
    CHECK(refusal({{"to", "2026-01-01T00:00:00Z"}, {"to", "2026-01-02T00:00:00Z"}}) ==
          "Parameter 'to' appears twice.");
}

TEST_CASE("a year by the day and a month by the hour are the most that is asked at once") {
    CHECK(refusal({{"from", "2025-11-21T12:00:00Z"}}).empty());
    CHECK(refusal({{"from", "2025-11-21T11:59:59Z"}}) ==
          "From 'from' to 'to' may be at most 366 days for period 'day'.");
    CHECK(refusal({{"period", "hour"}, {"from", "2026-10-22T12:00:00Z"}}).empty());
    CHECK(refusal({{"period", "hour"}, {"from", "2026-10-22T11:59:59Z"}}) ==
          "From 'from' to 'to' may be at most 31 days for period 'hour'.");
    CHECK_FALSE(
        refusal({{"from", "0001-01-01T00:00:00Z"}, {"to", "9999-12-31T23:59:59Z"}}).empty());
}
