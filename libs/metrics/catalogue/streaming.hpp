// Metrics of stream sessions: joins, leaves, how long a join takes, who is on. See catalogue.hpp.
#pragma once

#include "metrics/definition.hpp"

#include <string_view>

namespace subcults::metrics::catalogue {

inline constexpr CounterDef stream_joins_total{{
    .scope = Scope::api,
    .name = "stream_joins_total",
    .help = "Joins of streams by listeners and hosts.",
    .counts = "One `POST /streams/{id}/join` whose transaction has committed. A repeat under the "
              "same `Idempotency-Key`, a refused join and a LiveKit webhook do not count.",
}};

inline constexpr CounterDef stream_leaves_total{{
    .scope = Scope::api,
    .name = "stream_leaves_total",
    .help = "Departures from streams by listeners and hosts.",
    .counts = "One `POST /streams/{id}/leave` whose transaction has committed, with or without a "
              "join before it. Repeats and webhooks do not count.",
}};

inline constexpr std::string_view stream_join_latency_bounds[] = {
    "0.1", "0.25", "0.5", "1.0", "2.0", "5.0", "10.0", "30.0", "60.0"};
inline constexpr HistogramDef stream_join_latency_seconds{{
    .scope = Scope::api,
    .name = "stream_join_latency_seconds",
    .help = "Seconds between the issue of a LiveKit token and the join that used it.",
    .bounds = stream_join_latency_bounds,
    .counts = "At most one sample per committed join. A join that names its `token_issued_at` is "
              "measured from there to itself. Any other is measured from the token that this API "
              "issued to the participant to the later of LiveKit's `participant_joined` and the "
              "room's first audio track; one token gives one sample.",
}};

inline constexpr std::string_view latency_rejection_reasons[] = {"future", "too_old"};
inline constexpr Label stream_join_latency_rejected_labels[] = {
    {"reason", latency_rejection_reasons}};
inline constexpr CounterDef stream_join_latency_rejected_total{{
    .scope = Scope::api,
    .name = "stream_join_latency_rejected_total",
    .help = "Join latency samples left out because their start time is not believable.",
    .labels = stream_join_latency_rejected_labels,
    .counts = "A committed join whose `token_issued_at` lies more than 5 s in the future or more "
              "than 300 s back, or whose media came more than 300 s after its token. The join "
              "itself counts.",
}};

inline constexpr Label scene_labels[] = {{"scene_id"}};
inline constexpr CounterDef stream_scene_joins_total{{
    .scope = Scope::api,
    .name = "stream_scene_joins_total",
    .help = "Joins of streams by the scene that hosts them.",
    .labels = scene_labels,
    .counts = "As `stream_joins_total`, for the scene of the stream or of its event.",
    .bounded_by = "50 scenes, the rest is `other`: the first 50 that are heard of; later a busier "
                  "one takes the place of one that has been quiet for an hour",
}};
inline constexpr CounterDef stream_scene_leaves_total{{
    .scope = Scope::api,
    .name = "stream_scene_leaves_total",
    .help = "Departures from streams by the scene that hosts them.",
    .labels = scene_labels,
    .counts = "As `stream_leaves_total`, for the scene of the stream or of its event.",
    .bounded_by = "the same 50 scenes as `stream_scene_joins_total`",
}};

inline constexpr std::string_view stream_duration_bounds[] = {"60",    "300",   "900",   "1800",
                                                              "3600",  "7200",  "10800", "14400",
                                                              "21600", "28800", "36000", "43200"};
inline constexpr HistogramDef stream_duration_seconds{{
    .scope = Scope::api,
    .name = "stream_duration_seconds",
    .help = "Length of streams in seconds, from start to end.",
    .bounds = stream_duration_bounds,
    .counts = "One sample per stream whose end has committed, however it ended.",
}};

inline constexpr GaugeDef stream_active_sessions{{
    .scope = Scope::api,
    .name = "stream_active_sessions",
    .help = "Streams that are live now.",
    .counts = "Read from the database by the replica that holds the lease; the other replicas do "
              "not follow it and show 0, so that the sum over replicas is right.",
}};

inline constexpr Label session_labels[] = {{"session_id"}};
inline constexpr GaugeDef stream_active_participants{{
    .scope = Scope::api,
    .name = "stream_active_participants",
    .help = "Participants present in a live stream.",
    .labels = session_labels,
    .counts = "Read from the database every 5 s by the replica that holds the lease. A session's "
              "series is removed when it ends.",
    .bounded_by = "live sessions, the 1,000 with the most participants",
}};

inline constexpr std::string_view client_error_types[] = {
    "ice_failed",     "turn_failed",  "signalling_failed", "device_error", "playback_failed",
    "publish_failed", "network_lost", "token_expired",     "unsupported",  "other"};
inline constexpr Label client_error_labels[] = {{"error_type", client_error_types}};
inline constexpr CounterDef client_errors_total{{
    .scope = Scope::api,
    .name = "client_errors_total",
    .help = "Errors that clients reported about themselves, by type.",
    .labels = client_error_labels,
    .counts = "An error in an accepted report to `POST /telemetry/client-errors`, as often as the "
              "report says.",
}};

inline constexpr const Definition* streaming_metrics[] = {
    &stream_joins_total,          &stream_leaves_total,
    &stream_join_latency_seconds, &stream_join_latency_rejected_total,
    &stream_scene_joins_total,    &stream_scene_leaves_total,
    &stream_duration_seconds,     &stream_active_sessions,
    &stream_active_participants,  &client_errors_total,
};

}  // namespace subcults::metrics::catalogue
