#include "reports/report_requests.hpp"

#include "base/utf8.hpp"

#include <set>
#include <string>
#include <string_view>

namespace subcults::api::reports {
namespace {

constexpr std::int64_t day_us = 86'400'000'000;

InputError invalid(std::string message) {
    InputError error;
    error.code = "validation_error";
    error.message = std::move(message);
    return error;
}

// What it was given; whether it fits together is looked at when all has been read.
struct Given {
    std::optional<UnixMicros> from;
    std::optional<UnixMicros> to;
};

std::optional<InputError> read_one(const std::string& name, const std::string& value,
                                   ReportsRequest& request, Given& given) {
    if (name == "scene_id") {
        request.asked.scene = Uuid::parse(value);
        // The nil uuid is no scene.
        if (!request.asked.scene || *request.asked.scene == Uuid()) {
            return invalid("Parameter 'scene_id' must be the UUID of a scene.");
        }
    } else if (name == "period") {
        if (value != "hour" && value != "day") {
            return invalid("Parameter 'period' must be 'hour' or 'day'.");
        }
        request.asked.period = value == "hour" ? Period::hour : Period::day;
    } else if (name == "from" || name == "to") {
        const auto time = parse_rfc3339(value);
        if (!time) return invalid("Parameter '" + name + "' must be an RFC 3339 time.");
        (name == "from" ? given.from : given.to) = *time;
    } else if (name == "format") {
        if (value != "json" && value != "csv") {
            return invalid("Parameter 'format' must be 'json' or 'csv'.");
        }
        request.format = value == "csv" ? Format::csv : Format::json;
    }
    // Other parameters are ignored, as everywhere on the web: caches and proxies add them.
    return std::nullopt;
}

}  // namespace

Result<ReportsRequest, InputError> read_reports(const net::Request& request, UnixMicros now) {
    ReportsRequest read;
    Given given;
    std::set<std::string_view> seen;
    for (const auto& [name, value] : request.query()) {
        if (!seen.insert(name).second) {
            return invalid("Parameter '" + std::string(clipped_utf8(name, 32)) +
                           "' appears twice.");
        }
        if (const auto error = read_one(name, value, read, given)) return *error;
    }
    const bool hourly = read.asked.period == Period::hour;
    const std::int64_t usual = (hourly ? 2 : 7) * day_us;
    const std::int64_t most = hourly ? 31 : 366;
    read.asked.to = given.to.value_or(now);
    read.asked.from = given.from.value_or(UnixMicros{read.asked.to.value - usual});
    const std::int64_t length = read.asked.to.value - read.asked.from.value;
    if (length <= 0) return invalid("Parameter 'from' must be before 'to'.");
    if (length > most * day_us) {
        return invalid("From 'from' to 'to' may be at most " + std::to_string(most) +
                       " days for period '" + std::string(to_string(read.asked.period)) + "'.");
    }
    return read;
}

}  // namespace subcults::api::reports
