#include "quality/quality_metrics.hpp"

#include "metrics/catalogue.hpp"

namespace subcults::api::quality {
namespace {

void observe(metrics::Histogram& histogram, const std::optional<double>& value) noexcept {
    if (value) histogram.observe(*value);
}

}  // namespace

QualityMetrics QualityMetrics::make(metrics::Registry& registry) {
    namespace catalogue = metrics::catalogue;
    const auto windows = [&registry](std::string_view outcome) -> metrics::Counter& {
        return registry.get(catalogue::stream_quality_windows_total, {outcome});
    };
    return QualityMetrics{registry.get(catalogue::stream_audio_bitrate_kbps),
                          registry.get(catalogue::stream_audio_jitter_ms),
                          registry.get(catalogue::stream_audio_packet_loss_percent),
                          registry.get(catalogue::stream_audio_level),
                          registry.get(catalogue::stream_network_rtt_ms),
                          registry.get(catalogue::stream_audio_mos),
                          registry.get(catalogue::stream_quality_alerts_total),
                          registry.get(catalogue::stream_high_packet_loss_total),
                          windows("accepted"),
                          windows("duplicate"),
                          windows("rejected"),
                          windows("unavailable"),
                          registry.get(catalogue::stream_quality_queue_windows)};
}

void QualityMetrics::observe(const Measurement& measurement) const noexcept {
    const Window& window = measurement.window;
    if (window.late) return;
    const Values& values = window.values;
    if (!window.muted) {
        quality::observe(bitrate, values.bitrate_kbps);
        quality::observe(audio_level, values.audio_level);
    }
    quality::observe(jitter, values.jitter_ms);
    quality::observe(packet_loss, values.packet_loss_percent);
    quality::observe(rtt, values.rtt_ms);
    quality::observe(mos, measurement.mos);
    if (values.poor()) alerts.increment();
    if (values.high_loss()) high_packet_loss.increment();
}

}  // namespace subcults::api::quality
