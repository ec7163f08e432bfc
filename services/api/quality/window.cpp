#include "quality/window.hpp"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

namespace subcults::api::quality {
namespace {

using Json = rapidjson::Value;

constexpr double loss_limit = 5;
constexpr double jitter_limit_ms = 30;
constexpr double rtt_limit_ms = 300;
constexpr std::int64_t largest_seq = (std::int64_t{1} << 53) - 1;  // what JavaScript counts to
constexpr std::int64_t shortest_ms = 100;
constexpr std::int64_t longest_ms = 300'000;  // browsers let hidden pages sleep for minutes
constexpr std::int64_t closest_us = 1'000'000;
constexpr std::size_t longest_attribute = 1024;

struct Fault {
    std::string_view reason;
    std::string_view field = {};
};

struct Range {
    std::string_view name;
    std::optional<double> Values::*value;
    double max;  // the least is 0 everywhere
};
constexpr std::array<Range, 5> ranges{{
    {"bitrate_kbps", &Values::bitrate_kbps, 1'000},
    {"jitter_ms", &Values::jitter_ms, 60'000},
    {"packet_loss_percent", &Values::packet_loss_percent, 100},
    {"audio_level", &Values::audio_level, 1},
    {"rtt_ms", &Values::rtt_ms, 60'000},
}};

constexpr std::array<std::string_view, 10> field_names{
    "seq",          "measured_at", "window_ms",           "direction",   "muted",
    "bitrate_kbps", "jitter_ms",   "packet_loss_percent", "audio_level", "rtt_ms"};

std::string_view text_of(const Json& json) {
    return {json.GetString(), json.GetStringLength()};
}

bool above(const std::optional<double>& value, double limit) noexcept {
    return value && *value > limit;
}

// The fields of one window as they stand in the object, by their position in field_names.
using Fields = std::array<const Json*, field_names.size()>;

std::optional<Fault> gather(const Json& object, Fields& fields) {
    for (const auto& member : object.GetObject()) {
        const std::string_view name = text_of(member.name);
        std::size_t at = 0;
        while (at < field_names.size() && field_names[at] != name)
            ++at;
        if (at == field_names.size()) return Fault{"unknown_field"};
        if (fields[at] != nullptr) return Fault{"duplicate_field", field_names[at]};
        fields[at] = &member.value;
    }
    for (const Json*& field : fields) {
        if (field != nullptr && field->IsNull()) field = nullptr;
    }
    for (std::size_t required = 0; required < 4; ++required) {
        if (fields[required] == nullptr) return Fault{"required", field_names[required]};
    }
    return std::nullopt;
}

std::optional<Fault> read_integer(const Json& json, std::string_view name, std::int64_t min,
                                  std::int64_t max, std::int64_t& into) {
    if (!json.IsInt64()) {
        // An integer that is too large for 64 bits is out of range like any other.
        return Fault{json.IsUint64() ? "out_of_range" : "malformed", name};
    }
    const std::int64_t value = json.GetInt64();
    if (value < min || value > max) return Fault{"out_of_range", name};
    into = value;
    return std::nullopt;
}

std::optional<Fault> read_time(const Json& json, UnixMicros now, Window& window) {
    constexpr std::string_view name = "measured_at";
    if (!json.IsString()) return Fault{"malformed", name};
    const auto time = parse_rfc3339(text_of(json));
    if (!time) return Fault{"malformed", name};
    const std::int64_t age = now.value - time->value;
    if (age < -late_after_us) return Fault{"in_the_future", name};
    if (age > oldest_window_us) return Fault{"too_old", name};
    window.measured_at = *time;
    window.late = age > late_after_us;
    return std::nullopt;
}

std::optional<Fault> read_values(const Fields& fields, Values& values) {
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        const Json* field = fields[i + 5];
        if (field == nullptr) continue;
        const Range& range = ranges[i];
        if (!field->IsNumber()) return Fault{"malformed", range.name};
        const double value = field->GetDouble();
        const bool inside = value >= 0 && value <= range.max;
        if (!inside) return Fault{"out_of_range", range.name};
        values.*range.value = value;
    }
    return std::nullopt;
}

std::optional<Fault> read_window(const Json& json, UnixMicros now, Window& window,
                                 std::optional<std::int64_t>& seq) {
    if (!json.IsObject()) return Fault{"not_an_object"};
    const auto numbered = json.FindMember("seq");
    if (numbered != json.MemberEnd() && numbered->value.IsInt64()) {
        seq = numbered->value.GetInt64();
    }
    Fields fields{};
    if (auto fault = gather(json, fields)) return fault;
    if (auto fault = read_integer(*fields[0], "seq", 0, largest_seq, window.seq)) return fault;
    if (auto fault = read_time(*fields[1], now, window)) return fault;
    if (auto fault =
            read_integer(*fields[2], "window_ms", shortest_ms, longest_ms, window.window_ms)) {
        return fault;
    }
    if (!fields[3]->IsString()) return Fault{"malformed", "direction"};
    const std::string_view direction = text_of(*fields[3]);
    if (direction != "uplink" && direction != "downlink") return Fault{"malformed", "direction"};
    window.uplink = direction == "uplink";
    if (fields[4] != nullptr) {
        if (!fields[4]->IsBool()) return Fault{"malformed", "muted"};
        window.muted = fields[4]->GetBool();
    }
    if (auto fault = read_values(fields, window.values)) return fault;
    if (!window.values.any()) return Fault{"nothing_measured"};
    return std::nullopt;
}

// Whether it tells of a second that another window has told of. The same seq is left to those who
// know replays.
bool too_dense(const Window& window, const std::vector<Window>& accepted) {
    return std::any_of(accepted.begin(), accepted.end(), [&window](const Window& other) {
        const std::int64_t apart = window.measured_at.value - other.measured_at.value;
        return other.uplink == window.uplink && other.seq != window.seq &&
               std::abs(apart) < closest_us;
    });
}

InputError bad_request(std::string message) {
    return {"bad_request", std::move(message)};
}

InputError invalid(std::string message) {
    return {"validation_error", std::move(message)};
}

constexpr unsigned parse_flags =
    rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

}  // namespace

bool Values::any() const noexcept {
    return bitrate_kbps || jitter_ms || packet_loss_percent || audio_level || rtt_ms;
}

bool Values::judged() const noexcept {
    return jitter_ms || packet_loss_percent || rtt_ms;
}

bool Values::high_loss() const noexcept {
    return above(packet_loss_percent, loss_limit);
}

bool Values::poor() const noexcept {
    return high_loss() || above(jitter_ms, jitter_limit_ms) || above(rtt_ms, rtt_limit_ms);
}

Result<Report, InputError> read_report(std::string_view body, UnixMicros now) {
    // To the parser a NUL byte is the end of the text, wherever it stands.
    if (body.find('\0') != std::string_view::npos) {
        return bad_request("The body is not valid JSON: it contains a NUL byte.");
    }
    rapidjson::Document document;
    document.Parse<parse_flags>(body.data(), body.size());
    if (document.HasParseError()) {
        return bad_request(std::string("The body is not valid JSON: ")
                               .append(rapidjson::GetParseError_En(document.GetParseError())));
    }
    const Json& root = document;
    if (!root.IsObject()) return invalid("The body must be a JSON object.");
    const auto list = root.FindMember("windows");
    if (list == root.MemberEnd() || !list->value.IsArray()) {
        return invalid("Field 'windows' is required and must be an array.");
    }
    if (root.MemberCount() != 1) {
        return invalid("The body must have the field 'windows', once, and no other.");
    }
    const auto windows = list->value.GetArray();
    if (windows.Empty() || windows.Size() > max_windows) {
        return invalid(
            std::string("Field 'windows' must hold 1 to ").append(std::to_string(max_windows)) +
            " windows.");
    }
    Report report;
    report.windows.reserve(windows.Size());
    report.positions.reserve(windows.Size());
    std::size_t index = 0;
    for (const Json& json : windows) {
        Window window;
        Rejection rejection;
        rejection.index = index++;
        auto fault = read_window(json, now, window, rejection.seq);
        if (!fault && too_dense(window, report.windows)) {
            fault = Fault{"too_dense", "measured_at"};
        }
        if (fault) {
            rejection.reason = fault->reason;
            rejection.field = fault->field;
            report.rejected.push_back(rejection);
            continue;
        }
        report.windows.push_back(window);
        report.positions.push_back(rejection.index);
    }
    return report;
}

std::optional<Window> read_attribute(std::string_view text, UnixMicros now) {
    if (text.empty() || text.size() > longest_attribute) return std::nullopt;
    if (text.find('\0') != std::string_view::npos) return std::nullopt;
    rapidjson::Document document;
    document.Parse<parse_flags>(text.data(), text.size());
    if (document.HasParseError()) return std::nullopt;
    Window window;
    std::optional<std::int64_t> seq;
    if (read_window(document, now, window, seq)) return std::nullopt;
    return window;
}

}  // namespace subcults::api::quality
