#include "reports/report_text.hpp"

#include "base/json_writer.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace subcults::api::reports {
namespace {

double listening_seconds(const Report& report) {
    return static_cast<double>(report.listening_us) / 1e6;
}

UnixMicros end_of(const Report& report, Period period) {
    return UnixMicros{report.starts_at.value + width_us(period)};
}

// Of what is better the higher it is, one in twenty is below; of the rest, above.
void write_percentiles(JsonWriter& json, std::string_view name, const Percentiles& values,
                       std::string_view worse) {
    json.key(name)
        .begin_object()
        .field("p50", values.median)
        .field(worse, values.worse)
        .end_object();
}

void write_report(JsonWriter& json, const Report& report, Period period) {
    json.begin_object()
        .field("starts_at", format_rfc3339(report.starts_at))
        .field("ends_at", format_rfc3339(end_of(report, period)))
        .field("sessions", report.sessions)
        .field("sessions_started", report.sessions_started)
        .field("joins", report.joins)
        .field("leaves", report.leaves)
        .field("unique_participants", report.unique_participants)
        .field("unique_participants_at_least", report.unique_participants_at_least)
        .field("listening_seconds", listening_seconds(report))
        .key("quality")
        .begin_object()
        .field("samples", report.quality_samples);
    write_percentiles(json, "bitrate_kbps", report.bitrate_kbps, "p05");
    write_percentiles(json, "jitter_ms", report.jitter_ms, "p95");
    write_percentiles(json, "packet_loss_percent", report.packet_loss_percent, "p95");
    json.key("audio_level").begin_object().field("p50", report.audio_level).end_object();
    write_percentiles(json, "rtt_ms", report.rtt_ms, "p95");
    write_percentiles(json, "mos", report.mos, "p05");
    json.end_object()
        .field("computed_at", format_rfc3339(report.computed_at))
        .field("revision", report.revision)
        .field("final", report.final)
        .end_object();
}

constexpr std::string_view csv_header =
    "scene_id,period,starts_at,ends_at,sessions,sessions_started,joins,leaves,unique_participants,"
    "unique_participants_at_least,listening_seconds,quality_samples,bitrate_kbps_p50,"
    "bitrate_kbps_p05,jitter_ms_p50,jitter_ms_p95,packet_loss_percent_p50,"
    "packet_loss_percent_p95,audio_level_p50,rtt_ms_p50,rtt_ms_p95,mos_p50,mos_p05,computed_at,"
    "revision,final\r\n";

// A line of CSV, field by field.
class Line {
  public:
    explicit Line(std::string& into) : into_(into) {}
    Line& text(std::string_view value) {
        if (!first_) into_ += ',';
        first_ = false;
        into_ += value;
        return *this;
    }
    Line& integer(std::int64_t value) { return text(std::to_string(value)); }
    Line& number(const std::optional<double>& value) {
        if (!value || !std::isfinite(*value)) return text({});
        std::array<char, 32> digits{};
        // The shortest that is read back as the same number.
        const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), *value);
        const auto length = static_cast<std::size_t>(written.ptr - digits.data());
        return text(std::string_view(digits.data(), length));
    }
    Line& percentiles(const Percentiles& values) {
        return number(values.median).number(values.worse);
    }
    void end() { into_ += "\r\n"; }

  private:
    std::string& into_;
    bool first_ = true;
};

}  // namespace

std::string reports_json(const Reports& reports) {
    std::optional<std::string> scene;
    if (reports.scene) scene = reports.scene->to_string();
    std::optional<std::string> until;
    if (reports.computed_until) until = format_rfc3339(*reports.computed_until);
    JsonWriter json;
    json.begin_object()
        .field("scene_id", scene)
        .field("period", to_string(reports.period))
        .field("from", format_rfc3339(reports.from))
        .field("to", format_rfc3339(reports.to))
        .field("computed_until", until)
        .key("reports")
        .begin_array();
    for (const Report& report : reports.reports)
        write_report(json, report, reports.period);
    json.end_array().end_object();
    return json.take();
}

std::string reports_csv(const Reports& reports) {
    const std::string scene = reports.scene ? reports.scene->to_string() : std::string();
    std::string csv(csv_header);
    for (const Report& report : reports.reports) {
        Line line(csv);
        line.text(scene)
            .text(to_string(reports.period))
            .text(format_rfc3339(report.starts_at))
            .text(format_rfc3339(end_of(report, reports.period)))
            .integer(report.sessions)
            .integer(report.sessions_started)
            .integer(report.joins)
            .integer(report.leaves)
            .integer(report.unique_participants)
            .integer(report.unique_participants_at_least)
            .number(listening_seconds(report))
            .integer(report.quality_samples)
            .percentiles(report.bitrate_kbps)
            .percentiles(report.jitter_ms)
            .percentiles(report.packet_loss_percent)
            .number(report.audio_level)
            .percentiles(report.rtt_ms)
            .percentiles(report.mos)
            .text(format_rfc3339(report.computed_at))
            .integer(report.revision)
            .text(report.final ? "true" : "false")
            .end();
    }
    return csv;
}

}  // namespace subcults::api::reports
