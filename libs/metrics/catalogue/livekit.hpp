// Metrics of the API's dealings with LiveKit. See catalogue.hpp.
#pragma once

#include "metrics/definition.hpp"

#include <string_view>

namespace subcults::metrics::catalogue {

inline constexpr std::string_view livekit_methods[] = {
    "ListRooms",         "ListParticipants",   "GetParticipant", "DeleteRoom",
    "RemoveParticipant", "MutePublishedTrack", "other"};
inline constexpr std::string_view livekit_request_outcomes[] = {
    "ok",      "not_found",  "refused",    "unauthenticated", "unavailable",
    "timeout", "connection", "unreadable", "circuit_open",    "other"};
inline constexpr Label livekit_request_labels[] = {{"method", livekit_methods},
                                                   {"outcome", livekit_request_outcomes}};
inline constexpr CounterDef livekit_requests_total{{
    .scope = Scope::api,
    .name = "livekit_requests_total",
    .help = "Calls to LiveKit's RoomService, by method and outcome.",
    .labels = livekit_request_labels,
    .counts = "One call at its end, however often it was tried; `circuit_open` was not even sent, "
              "because the calls before it had found LiveKit dead.",
}};

inline constexpr std::string_view livekit_duration_bounds[] = {
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5"};
inline constexpr Label livekit_duration_labels[] = {{"method", livekit_methods}};
inline constexpr HistogramDef livekit_request_duration_seconds{{
    .scope = Scope::api,
    .name = "livekit_request_duration_seconds",
    .help = "Seconds that calls to LiveKit's RoomService took.",
    .labels = livekit_duration_labels,
    .bounds = livekit_duration_bounds,
    .counts = "One sample per call that was sent, a second try and the pause before it included.",
}};

inline constexpr GaugeDef livekit_circuit_open{{
    .scope = Scope::api,
    .name = "livekit_circuit_open",
    .help = "1 while calls to LiveKit are refused at once because it was found dead, else 0.",
    .counts = "Set when it opens and when it closes; 1 also while a single call is probing.",
}};

inline constexpr std::string_view livekit_webhook_events[] = {"room_started",
                                                              "room_finished",
                                                              "participant_joined",
                                                              "participant_left",
                                                              "participant_connection_aborted",
                                                              "track_published",
                                                              "track_unpublished",
                                                              "other"};
inline constexpr std::string_view livekit_webhook_outcomes[] = {
    "stored", "duplicate", "ignored", "bad_signature", "malformed", "unavailable", "other"};
inline constexpr Label livekit_webhook_labels[] = {{"event", livekit_webhook_events},
                                                   {"outcome", livekit_webhook_outcomes}};
inline constexpr CounterDef livekit_webhooks_total{{
    .scope = Scope::api,
    .name = "livekit_webhooks_total",
    .help = "Webhooks received from LiveKit, by event and what became of them.",
    .labels = livekit_webhook_labels,
    .counts = "One request at its answer: `stored` is in the inbox, `duplicate` was there before, "
              "`ignored` is of no use here; `event` is `other` for what was not read.",
}};

inline constexpr std::string_view livekit_repair_kinds[] = {"joined", "left", "room", "other"};
inline constexpr Label livekit_repair_labels[] = {{"kind", livekit_repair_kinds}};
inline constexpr CounterDef livekit_repairs_total{{
    .scope = Scope::api,
    .name = "livekit_repairs_total",
    .help = "What was put right from LiveKit's lists because webhooks had missed it.",
    .labels = livekit_repair_labels,
    .counts = "One participant whose coming or going was committed and changed something; for "
              "`room` one room of an ended session that was there again and was deleted.",
}};

inline constexpr GaugeDef livekit_outbox_pending{{
    .scope = Scope::api,
    .name = "livekit_outbox_pending",
    .help = "Actions that LiveKit has yet to carry out: rooms to delete, people to remove or mute.",
    .counts = "Rows of `livekit_outbox`, read every few seconds by the replica that reconciles; "
              "0 on the others.",
}};

inline constexpr GaugeDef livekit_inbox_pending{{
    .scope = Scope::api,
    .name = "livekit_inbox_pending",
    .help = "Webhooks that were stored and have not been processed.",
    .counts = "Rows of `livekit_inbox`, read every few seconds by the replica that reconciles; "
              "0 on the others.",
}};

inline constexpr const Definition* livekit_metrics[] = {
    &livekit_requests_total, &livekit_request_duration_seconds,
    &livekit_circuit_open,   &livekit_webhooks_total,
    &livekit_repairs_total,  &livekit_outbox_pending,
    &livekit_inbox_pending,
};

}  // namespace subcults::metrics::catalogue
