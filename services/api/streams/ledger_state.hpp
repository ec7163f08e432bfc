// What the ledger knows of a session while it holds its lock: rows as they are stored.
#pragma once

#include "streams/command.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace subcults::api {

// A row of stream_sessions.
struct SessionRow {
    Uuid id;
    std::string room_name;
    std::string host_did;
    Subject subject;
    std::optional<Uuid> hosting_scene;  // the subject's scene, when it was known at the start
    UnixMicros started_at;
    std::optional<UnixMicros> ended_at;
    std::optional<UnixMicros> first_track_at;
    bool is_locked = false;
    std::int64_t join_count = 0;
    std::int64_t leave_count = 0;
    std::int64_t active_count = 0;
    std::int64_t head_seq = 0;
    std::string head_hash;
    UnixMicros head_at;
    std::int64_t kid = 0;
};

// A row of stream_participants; see the migration for what the columns mean.
struct ParticipantRow {
    std::optional<UnixMicros> first_joined_at;
    std::optional<UnixMicros> joined_at;
    std::optional<UnixMicros> left_at;
    std::int64_t reconnection_count = 0;
    std::optional<UnixMicros> token_issued_at;
    bool latency_wanted = false;
    bool latency_done = false;
    std::optional<UnixMicros> leave_requested_at;
    std::string livekit_sid;
    std::optional<UnixMicros> livekit_since;
    std::optional<UnixMicros> livekit_active_at;
    std::string stay;

    bool present() const noexcept { return joined_at && !left_at; }
};

// A row of stream_participations.
struct StayRow {
    UnixMicros joined_at;
    std::optional<UnixMicros> left_at;
};

// Idempotency-Keys are honoured for a day; older ones count as new.
inline constexpr std::int64_t idempotency_lifetime_us = 24LL * 3600 * 1'000'000;

struct IdempotencyRow {
    Tag128 request{};
    std::int64_t answer_count = 0;
};

// Something LiveKit has to do once the transaction has committed.
inline constexpr std::string_view delete_room = "delete_room";
inline constexpr std::string_view remove_participant = "remove_participant";
struct LiveKitOrder {
    std::string_view action;  // static text: these, mute, unmute
    std::string room_name;
    std::string participant_id;  // empty for delete_room
    // Headers of the calls that will carry it out; empty = none.
    std::string traceparent = {};
    std::string tracestate = {};
};

using ParticipantKey = std::pair<Uuid, std::string>;
struct StayKey {
    Uuid session;
    std::string participant_id;
    std::string stay;
    auto operator<=>(const StayKey&) const = default;
};
using IdempotencyRowKey = std::pair<Uuid, Tag128>;

}  // namespace subcults::api
