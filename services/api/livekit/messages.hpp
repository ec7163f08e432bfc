// What LiveKit sends, read leniently: answers of RoomService and webhooks.
//
// Its JSON comes in two dialects: RoomService answers in snake_case with every default written out,
// webhooks come in camelCase without them. Accepted either way: both spellings of a name, null and
// absence as the default, 64-bit numbers as text or number, enumerations by name or number, unknown
// fields and unknown enumerators. Texts that go on into the database are checked: well-formed UTF-8
// without NUL, of sane length.
//
// Pure functions. Errors: a constant text for logs that quotes nothing of the input. Only what is
// used here is kept; a room's TURN password, metadata and attributes never leave the parser,
// except the attribute `aq`, in which a participant may tell of its audio.
#pragma once

#include "base/result.hpp"
#include "base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::api::livekit {

struct Unreadable {
    std::string_view reason;  // of static storage
};

struct Room {
    std::string name;
    std::string sid;
    std::int64_t participants = 0;  // lags by some seconds, hidden ones left out
};

struct Track {
    std::string sid;
    std::string type;    // "audio", "video", "data" or "other"
    std::string source;  // "microphone", "camera", …, "other"
    bool muted = false;
};

struct Participant {
    std::string sid;
    std::string identity;
    bool active = false;  // media connected
    // A person's connection: neither hidden nor a recorder or an agent.
    bool listener = true;
    UnixMicros joined_at;  // 0 = not said
    std::vector<Track> tracks;
    std::string quality;  // attribute `aq` as it was sent, at most 1 KiB; not checked otherwise
};

Result<std::vector<Room>, Unreadable> read_rooms(std::string_view json);
Result<std::vector<Participant>, Unreadable> read_participants(std::string_view json);
Result<Participant, Unreadable> read_participant(std::string_view json);

// {"code","msg"} of a call that failed; nullopt when the body is something else.
struct TwirpError {
    std::string code;
};
std::optional<TwirpError> read_twirp_error(std::string_view body);

enum class EventKind {
    room_started,
    room_finished,
    participant_joined,
    participant_left,
    participant_connection_aborted,
    track_published,
    track_unpublished,
    other,
};
std::string_view to_string(EventKind kind) noexcept;
EventKind event_kind(std::string_view name) noexcept;

struct WebhookEvent {
    std::string id;
    EventKind kind = EventKind::other;
    UnixMicros created_at;  // whole seconds
    std::string room_name;
    std::string room_sid;
    std::optional<Participant> participant;
    std::optional<Track> track;

    // Whether the inbox has a use for it.
    bool useful() const noexcept;
};
// The error says what is missing or malformed. Of an event of another kind nothing but the kind is
// looked at.
Result<WebhookEvent, Unreadable> read_webhook(std::string_view json);

}  // namespace subcults::api::livekit
