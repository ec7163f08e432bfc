// Metrics of audio quality as participants experience it. See catalogue.hpp.
#pragma once

#include "metrics/definition.hpp"

#include <string_view>

namespace subcults::metrics::catalogue {

inline constexpr std::string_view audio_bitrate_bounds[] = {"16",  "32",  "64",  "96", "128",
                                                            "160", "192", "256", "320"};
inline constexpr HistogramDef stream_audio_bitrate_kbps{{
    .scope = Scope::api,
    .name = "stream_audio_bitrate_kbps",
    .help = "Audio bitrate of participants in kilobits per second.",
    .bounds = audio_bitrate_bounds,
    .counts =
        "One sample per stored measurement that has a bitrate; muted and late ones are left out.",
}};

inline constexpr std::string_view audio_jitter_bounds[] = {"1",  "5",  "10",  "20",
                                                           "30", "50", "100", "200"};
inline constexpr HistogramDef stream_audio_jitter_ms{{
    .scope = Scope::api,
    .name = "stream_audio_jitter_ms",
    .help = "Variation of audio packet delay in milliseconds.",
    .bounds = audio_jitter_bounds,
    .counts = "One sample per stored measurement that has a jitter; late ones are left out.",
}};

inline constexpr std::string_view packet_loss_bounds[] = {"0.1", "0.5", "1",  "2",
                                                          "5",   "10",  "20", "50"};
inline constexpr HistogramDef stream_audio_packet_loss_percent{{
    .scope = Scope::api,
    .name = "stream_audio_packet_loss_percent",
    .help = "Share of audio packets lost, from 0 to 100.",
    .bounds = packet_loss_bounds,
    .counts = "One sample per stored measurement that has a packet loss; late ones are left out.",
}};

inline constexpr std::string_view audio_level_bounds[] = {"0.0", "0.1", "0.2", "0.3", "0.4", "0.5",
                                                          "0.6", "0.7", "0.8", "0.9", "1.0"};
inline constexpr HistogramDef stream_audio_level{{
    .scope = Scope::api,
    .name = "stream_audio_level",
    .help = "Loudness of participants, 0 for silence and 1 for full scale.",
    .bounds = audio_level_bounds,
    .counts =
        "One sample per stored measurement that has a level; muted and late ones are left out.",
}};

inline constexpr std::string_view network_rtt_bounds[] = {"10",  "25",  "50",  "100", "150",
                                                          "200", "300", "500", "1000"};
inline constexpr HistogramDef stream_network_rtt_ms{{
    .scope = Scope::api,
    .name = "stream_network_rtt_ms",
    .help = "Round trip between participant and media server in milliseconds.",
    .bounds = network_rtt_bounds,
    .counts =
        "One sample per stored measurement that has a round-trip time; late ones are left out.",
}};

inline constexpr CounterDef stream_quality_alerts_total{{
    .scope = Scope::api,
    .name = "stream_quality_alerts_total",
    .help = "Measurements that show a poor connection.",
    .counts = "One stored measurement with packet loss above 5 percent, jitter above 30 ms or a "
              "round trip above 300 ms; once, however many of the three hold. Measurements that "
              "arrive too late to act on are left out.",
}};

inline constexpr CounterDef stream_high_packet_loss_total{{
    .scope = Scope::api,
    .name = "stream_high_packet_loss_total",
    .help = "Measurements with more than 5 percent of the audio packets lost.",
    .counts =
        "One stored measurement with packet loss above 5 percent, exactly 5 not included; late "
        "ones are left out.",
}};

inline constexpr std::string_view audio_mos_bounds[] = {"1.5", "2.0", "2.5", "3.0",
                                                        "3.5", "4.0", "4.3"};
inline constexpr HistogramDef stream_audio_mos{{
    .scope = Scope::api,
    .name = "stream_audio_mos",
    .help = "Estimated mean opinion score of participants' audio, from 1 (bad) to 4.4.",
    .bounds = audio_mos_bounds,
    .counts = "One sample per stored measurement that has packet loss, jitter and round-trip time; "
              "late ones are left out.",
}};

inline constexpr std::string_view quality_window_outcomes[] = {"accepted", "duplicate", "rejected",
                                                               "unavailable", "other"};
inline constexpr Label quality_window_labels[] = {{"outcome", quality_window_outcomes}};
inline constexpr CounterDef stream_quality_windows_total{{
    .scope = Scope::api,
    .name = "stream_quality_windows_total",
    .help = "Windows of measurements that clients reported, by what became of them.",
    .labels = quality_window_labels,
    .counts =
        "One window of a request at its answer: `accepted` is stored, `duplicate` was before, "
        "`rejected` is not believable or not the caller's to report, `unavailable` could not "
        "be taken just now.",
}};

inline constexpr GaugeDef stream_quality_queue_windows{{
    .scope = Scope::api,
    .name = "stream_quality_queue_windows",
    .help = "Reported windows that wait for their transaction.",
    .counts = "Read from the queue at each scrape. Requests are refused when it is full.",
}};

inline constexpr const Definition* quality_metrics[] = {
    &stream_audio_bitrate_kbps,
    &stream_audio_jitter_ms,
    &stream_audio_packet_loss_percent,
    &stream_audio_level,
    &stream_network_rtt_ms,
    &stream_quality_alerts_total,
    &stream_high_packet_loss_total,
    &stream_audio_mos,
    &stream_quality_windows_total,
    &stream_quality_queue_windows,
};

}  // namespace subcults::metrics::catalogue
