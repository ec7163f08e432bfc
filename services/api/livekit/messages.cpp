#include "livekit/messages.hpp"

#include "net/query.hpp"

#include <rapidjson/document.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace subcults::api::livekit {
namespace {

using Json = rapidjson::Value;

constexpr std::size_t longest_name = 256;  // LiveKit's own limit for rooms and identities
constexpr std::size_t longest_sid = 64;
constexpr std::size_t longest_quality = 1024;

// A field by either of its names; nullptr when absent or null.
const Json* field(const Json& object, const char* snake, const char* camel) {
    if (!object.IsObject()) return nullptr;
    for (const char* name : {snake, camel}) {
        const auto found = object.FindMember(name);
        if (found != object.MemberEnd() && !found->value.IsNull()) return &found->value;
    }
    return nullptr;
}
const Json* field(const Json& object, const char* name) {
    return field(object, name, name);
}

std::string_view text(const Json* value) {
    if (value == nullptr || !value->IsString()) return {};
    return {value->GetString(), value->GetStringLength()};
}

bool truth(const Json* value) {
    return value != nullptr && value->IsBool() && value->GetBool();
}

std::int64_t integer(const Json* value) {
    if (value == nullptr) return 0;
    if (value->IsInt64()) return value->GetInt64();
    if (value->IsDouble()) {
        constexpr double limit = 9e15;
        const double number = value->GetDouble();
        return std::abs(number) < limit ? static_cast<std::int64_t>(number) : 0;
    }
    std::int64_t number = 0;
    const std::string_view digits = text(value);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return parsed.ec == std::errc{} && parsed.ptr == digits.data() + digits.size() ? number : 0;
}

// The name of an enumerator, given by name or by number; absent = the first one.
std::string_view enumerator(const Json* value, std::initializer_list<std::string_view> names) {
    if (value == nullptr) return *names.begin();
    if (value->IsString()) return text(value);
    const std::int64_t number = integer(value);
    if (number < 0 || static_cast<std::size_t>(number) >= names.size()) return "other";
    return *(names.begin() + number);
}

std::string lower_or_other(std::string_view name, std::initializer_list<std::string_view> known) {
    std::string lower(name.substr(0, longest_sid));
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
    const bool found = std::find(known.begin(), known.end(), lower) != known.end();
    return found ? lower : std::string("other");
}

bool usable(std::string_view value, std::size_t longest) {
    return value.size() <= longest && net::is_clean_utf8(value);
}

// A moment given in milliseconds where the sender is new enough, else in seconds.
UnixMicros moment(const Json* millis, const Json* seconds) {
    constexpr std::int64_t latest_seconds = 253'402'300'799;  // the year 9999
    const std::int64_t ms = integer(millis);
    if (ms > 0 && ms <= latest_seconds * 1000) return UnixMicros{ms * 1000};
    const std::int64_t s = integer(seconds);
    return UnixMicros{s > 0 && s <= latest_seconds ? s * 1'000'000 : 0};
}

bool parse(std::string_view json, rapidjson::Document& into) {
    constexpr unsigned flags =
        rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
    // To the parser a NUL byte would be the end of the text.
    if (json.find('\0') != std::string_view::npos) return false;
    into.Parse<flags>(json.data(), json.size());
    return !into.HasParseError() && into.IsObject();
}

Result<Track, Unreadable> track_from(const Json& json) {
    Track track;
    track.sid = text(field(json, "sid"));
    if (!usable(track.sid, longest_sid)) return Unreadable{"a track's sid is unusable"};
    track.type = lower_or_other(enumerator(field(json, "type"), {"AUDIO", "VIDEO", "DATA"}),
                                {"audio", "video", "data"});
    track.source = lower_or_other(
        enumerator(field(json, "source"),
                   {"UNKNOWN", "CAMERA", "MICROPHONE", "SCREEN_SHARE", "SCREEN_SHARE_AUDIO"}),
        {"camera", "microphone", "screen_share", "screen_share_audio"});
    track.muted = truth(field(json, "muted"));
    return track;
}

Result<Participant, Unreadable> participant_from(const Json& json) {
    if (!json.IsObject()) return Unreadable{"a participant is no object"};
    Participant participant;
    participant.sid = text(field(json, "sid"));
    participant.identity = text(field(json, "identity"));
    if (!usable(participant.sid, longest_sid) || !usable(participant.identity, longest_name)) {
        return Unreadable{"a participant's sid or identity is unusable"};
    }
    const auto state =
        enumerator(field(json, "state"), {"JOINING", "JOINED", "ACTIVE", "DISCONNECTED"});
    participant.active = state == "ACTIVE";
    const auto kind =
        enumerator(field(json, "kind"), {"STANDARD", "INGRESS", "EGRESS", "SIP", "AGENT"});
    const Json* permission = field(json, "permission");
    const bool hidden = permission != nullptr && truth(field(*permission, "hidden"));
    participant.listener = !hidden && kind == "STANDARD";
    participant.joined_at =
        moment(field(json, "joined_at_ms", "joinedAtMs"), field(json, "joined_at", "joinedAt"));
    if (const Json* tracks = field(json, "tracks"); tracks != nullptr && tracks->IsArray()) {
        for (const Json& item : tracks->GetArray()) {
            auto track = track_from(item);
            if (!track) return track.error();
            participant.tracks.push_back(std::move(*track));
        }
    }
    if (const Json* attributes = field(json, "attributes"); attributes != nullptr) {
        const std::string_view quality = text(field(*attributes, "aq"));
        if (quality.size() <= longest_quality) participant.quality = quality;
    }
    return participant;
}

// The items of a list field; an absent list is an empty one.
template <class Item, class Read>
Result<std::vector<Item>, Unreadable> read_list(std::string_view json, const char* name,
                                                Read read) {
    rapidjson::Document document;
    if (!parse(json, document)) return Unreadable{"not a JSON object"};
    std::vector<Item> items;
    const Json* list = field(document, name);
    if (list == nullptr) return items;
    if (!list->IsArray()) return Unreadable{"the list is no array"};
    for (const Json& entry : list->GetArray()) {
        auto item = read(entry);
        if (!item) return item.error();
        items.push_back(std::move(*item));
    }
    return items;
}

Result<Room, Unreadable> room_from(const Json& json) {
    if (!json.IsObject()) return Unreadable{"a room is no object"};
    Room room;
    room.name = text(field(json, "name"));
    room.sid = text(field(json, "sid"));
    if (!usable(room.name, longest_name) || !usable(room.sid, longest_sid)) {
        return Unreadable{"a room's name or sid is unusable"};
    }
    room.participants = integer(field(json, "num_participants", "numParticipants"));
    return room;
}

constexpr std::array<std::pair<std::string_view, EventKind>, 7> event_names{{
    {"room_started", EventKind::room_started},
    {"room_finished", EventKind::room_finished},
    {"participant_joined", EventKind::participant_joined},
    {"participant_left", EventKind::participant_left},
    {"participant_connection_aborted", EventKind::participant_connection_aborted},
    {"track_published", EventKind::track_published},
    {"track_unpublished", EventKind::track_unpublished},
}};

bool about_participant(EventKind kind) noexcept {
    return kind == EventKind::participant_joined || kind == EventKind::participant_left ||
           kind == EventKind::participant_connection_aborted || kind == EventKind::track_published;
}

// Completes an event of a kind that is of use.
Result<void, Unreadable> read_details(const Json& json, WebhookEvent& event) {
    event.id = text(field(json, "id"));
    if (event.id.empty() || !usable(event.id, longest_sid)) return Unreadable{"no usable id"};
    event.created_at = moment(nullptr, field(json, "created_at", "createdAt"));
    if (event.created_at.value == 0) return Unreadable{"no createdAt"};

    const Json* room = field(json, "room");
    if (room == nullptr) return Unreadable{"no room"};
    auto named = room_from(*room);
    if (!named) return named.error();
    if (named->name.empty()) return Unreadable{"a room without a name"};
    event.room_name = std::move(named->name);
    event.room_sid = std::move(named->sid);

    if (about_participant(event.kind)) {
        const Json* who = field(json, "participant");
        if (who == nullptr) return Unreadable{"no participant"};
        auto participant = participant_from(*who);
        if (!participant) return participant.error();
        if (participant->identity.empty() || participant->sid.empty()) {
            return Unreadable{"a participant without sid or identity"};
        }
        event.participant = std::move(*participant);
    }
    if (event.kind == EventKind::track_published) {
        const Json* what = field(json, "track");
        if (what == nullptr) return Unreadable{"no track"};
        auto track = track_from(*what);
        if (!track) return track.error();
        event.track = std::move(*track);
    }
    return {};
}

}  // namespace

std::string_view to_string(EventKind kind) noexcept {
    for (const auto& [name, known] : event_names) {
        if (known == kind) return name;
    }
    return "other";
}

EventKind event_kind(std::string_view name) noexcept {
    for (const auto& [known, kind] : event_names) {
        if (known == name) return kind;
    }
    return EventKind::other;
}

bool WebhookEvent::useful() const noexcept {
    switch (kind) {
        case EventKind::room_started:
        case EventKind::room_finished:
            return true;
        case EventKind::participant_joined:
        case EventKind::participant_left:
        case EventKind::participant_connection_aborted:
            return participant && participant->listener;
        case EventKind::track_published:
            return track && track->type == "audio" && track->source == "microphone";
        case EventKind::track_unpublished:
        case EventKind::other:
            break;
    }
    return false;
}

Result<std::vector<Room>, Unreadable> read_rooms(std::string_view json) {
    return read_list<Room>(json, "rooms", room_from);
}

Result<std::vector<Participant>, Unreadable> read_participants(std::string_view json) {
    return read_list<Participant>(json, "participants", participant_from);
}

Result<Participant, Unreadable> read_participant(std::string_view json) {
    rapidjson::Document document;
    if (!parse(json, document)) return Unreadable{"not a JSON object"};
    return participant_from(document);
}

std::optional<TwirpError> read_twirp_error(std::string_view body) {
    rapidjson::Document document;
    if (!parse(body, document)) return std::nullopt;
    const std::string_view code = text(field(document, "code"));
    const bool plain = std::all_of(code.begin(), code.end(),
                                   [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
    if (code.empty() || code.size() > longest_sid || !plain) return std::nullopt;
    return TwirpError{std::string(code)};
}

Result<WebhookEvent, Unreadable> read_webhook(std::string_view json) {
    rapidjson::Document document;
    if (!parse(json, document)) return Unreadable{"not a JSON object"};
    const Json* name = field(document, "event");
    if (name == nullptr || !name->IsString()) return Unreadable{"no event"};
    WebhookEvent event;
    event.kind = event_kind(text(name));
    if (event.kind == EventKind::other || event.kind == EventKind::track_unpublished) return event;
    const auto read = read_details(document, event);
    if (!read) return read.error();
    return event;
}

}  // namespace subcults::api::livekit
