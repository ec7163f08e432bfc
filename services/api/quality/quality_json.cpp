#include "quality/quality_json.hpp"

#include "base/json_writer.hpp"

namespace subcults::api::quality {
namespace {

void write_metric(JsonWriter& json, const std::string& session, const MetricView& metric) {
    json.begin_object()
        .field("id", metric.id.to_string())
        .field("stream_session_id", session)
        .field("participant_id", metric.participant_id)
        .field("bitrate_kbps", metric.values.bitrate_kbps)
        .field("jitter_ms", metric.values.jitter_ms)
        .field("packet_loss_percent", metric.values.packet_loss_percent)
        .field("audio_level", metric.values.audio_level)
        .field("rtt_ms", metric.values.rtt_ms)
        .field("mos", metric.mos)
        .field("measured_at", format_rfc3339(metric.measured_at))
        .end_object();
}

void write_list(JsonWriter& json, std::string_view name, const std::vector<std::string>& items) {
    json.key(name).begin_array();
    for (const std::string& item : items)
        json.value(item);
    json.end_array();
}

void write_seqs(JsonWriter& json, std::string_view name, const std::vector<Window>& windows,
                const std::vector<WindowFate>& fates, WindowFate wanted) {
    json.key(name).begin_array();
    for (std::size_t i = 0; i < windows.size(); ++i) {
        if (fates[i] == wanted) json.value(windows[i].seq);
    }
    json.end_array();
}

}  // namespace

std::string metrics_json(const Uuid& session, const std::vector<MetricView>& metrics) {
    const std::string id = session.to_string();
    JsonWriter json;
    json.begin_object().field("stream_id", id).key("metrics").begin_array();
    for (const MetricView& metric : metrics)
        write_metric(json, id, metric);
    json.end_array().field("count", metrics.size()).end_object();
    return json.take();
}

std::string metric_json(const Uuid& session, const MetricView& metric) {
    JsonWriter json;
    write_metric(json, session.to_string(), metric);
    return json.take();
}

std::string high_loss_json(const Uuid& session, int since_minutes,
                           const std::vector<std::string>& participants) {
    JsonWriter json;
    json.begin_object()
        .field("stream_id", session.to_string())
        .field("since_minutes", since_minutes);
    write_list(json, "participants", participants);
    json.field("count", participants.size()).end_object();
    return json.take();
}

std::string collected_json(const Uuid& session, const CollectionReport& report) {
    JsonWriter json;
    json.begin_object()
        .field("stream_id", session.to_string())
        .field("participants", report.participants)
        .field("metrics_recorded", report.recorded)
        .field("alerts_triggered", report.alerts)
        .field("measured_at", format_rfc3339(report.at))
        .field("roster", to_string(report.roster));
    write_list(json, "stale", report.stale);
    write_list(json, "missing", report.missing);
    json.end_object();
    return json.take();
}

std::string reported_json(const Uuid& session, const std::vector<Window>& windows,
                          const std::vector<WindowFate>& fates,
                          const std::vector<Rejection>& rejected) {
    JsonWriter json;
    json.begin_object().field("stream_id", session.to_string());
    write_seqs(json, "accepted", windows, fates, WindowFate::accepted);
    write_seqs(json, "duplicates", windows, fates, WindowFate::duplicate);
    json.key("rejected").begin_array();
    for (const Rejection& rejection : rejected) {
        json.begin_object()
            .field("index", rejection.index)
            .field("seq", rejection.seq)
            .field("reason", rejection.reason);
        json.key("field");
        rejection.field.empty() ? json.null() : json.value(rejection.field);
        json.end_object();
    }
    json.end_array().end_object();
    return json.take();
}

}  // namespace subcults::api::quality
