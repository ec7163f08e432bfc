#include "livekit/rooms.hpp"

#include "base/crypto.hpp"
#include "base/json_writer.hpp"
#include "base/time.hpp"

#include <algorithm>

namespace subcults::livekit_stub {

namespace {

// The real server leaks this into webhooks; so does the stub, so that tests see whether it is kept.
constexpr std::string_view turn_password = "turn-password-of-the-room";

std::int64_t visible(const Room& room) {
    return std::count_if(room.participants.begin(), room.participants.end(),
                         [](const auto& entry) { return !entry.second.hidden; });
}

void write_answer(JsonWriter& json, const Track& track) {
    json.begin_object();
    json.field("sid", track.sid).field("type", track.type).field("name", "");
    json.field("muted", track.muted).field("width", 0).field("height", 0);
    json.field("source", track.source).key("layers").begin_array().end_array();
    json.field("mime_type", "audio/opus").field("mid", "").key("codecs").begin_array().end_array();
    json.field("stream", "").key("version").null();
    json.end_object();
}

void write_answer(JsonWriter& json, const Participant& participant) {
    json.begin_object();
    json.field("sid", participant.sid).field("identity", participant.identity);
    json.field("state", participant.state).key("tracks").begin_array();
    for (const Track& track : participant.tracks)
        write_answer(json, track);
    json.end_array().field("metadata", "");
    json.field("joined_at", std::to_string(participant.joined_at_ms / 1000));
    json.field("joined_at_ms", std::to_string(participant.joined_at_ms)).field("name", "");
    json.field("version", 2).key("permission").begin_object();
    json.field("can_subscribe", true).field("can_publish", participant.can_publish);
    json.field("can_publish_data", false).key("can_publish_sources").begin_array().end_array();
    json.field("hidden", participant.hidden).field("can_update_metadata", false).end_object();
    json.field("region", "").field("is_publisher", !participant.tracks.empty());
    json.field("kind", participant.kind).key("attributes").begin_object();
    for (const auto& [name, value] : participant.attributes)
        json.field(name, value);
    json.end_object();
    json.field("disconnect_reason", "UNKNOWN_REASON").end_object();
}

void write_webhook(JsonWriter& json, const Participant& participant, bool minimal) {
    json.begin_object();
    json.field("sid", participant.sid).field("identity", participant.identity);
    if (!minimal) {
        if (participant.state != "JOINING") json.field("state", participant.state);
        json.field("joinedAt", std::to_string(participant.joined_at_ms / 1000));
        json.field("joinedAtMs", std::to_string(participant.joined_at_ms)).field("version", 2);
        json.key("permission").begin_object().field("canSubscribe", true);
        if (participant.can_publish) json.field("canPublish", true);
        if (participant.hidden) json.field("hidden", true);
        json.end_object();
        if (participant.kind != "STANDARD") json.field("kind", participant.kind);
    }
    json.end_object();
}

}  // namespace

std::string random_sid(std::string_view prefix) {
    std::array<std::uint8_t, 8> bytes{};
    random_bytes(bytes);
    return std::string(prefix) +
           hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()}).substr(0, 12);
}

std::int64_t now_ms() {
    return now_micros().value / 1000;
}

std::string answer_json(const Track& track) {
    JsonWriter json;
    write_answer(json, track);
    return json.take();
}

std::string answer_json(const Participant& participant) {
    JsonWriter json;
    write_answer(json, participant);
    return json.take();
}

std::string answer_json(const Room& room) {
    JsonWriter json;
    json.begin_object().field("sid", room.sid).field("name", room.name);
    json.field("empty_timeout", 300).field("departure_timeout", 20).field("max_participants", 0);
    json.field("creation_time", std::to_string(room.created_at_ms / 1000));
    json.field("creation_time_ms", std::to_string(room.created_at_ms));
    json.field("turn_password", turn_password).key("enabled_codecs").begin_array().end_array();
    json.field("metadata", "").field("num_participants", visible(room));
    json.field("num_publishers", 0).field("active_recording", false).key("version").null();
    json.end_object();
    return json.take();
}

std::string webhook_json(const Event& event) {
    const bool about_track = event.track != nullptr;
    JsonWriter json;
    json.begin_object().field("event", event.name);
    json.key("room").begin_object().field("sid", event.room->sid).field("name", event.room->name);
    if (!about_track) {
        json.field("emptyTimeout", 300).field("departureTimeout", 20);
        json.field("creationTime", std::to_string(event.room->created_at_ms / 1000));
        json.field("turnPassword", turn_password);
        if (visible(*event.room) > 0) json.field("numParticipants", visible(*event.room));
    }
    json.end_object();
    if (event.participant != nullptr) {
        json.key("participant");
        write_webhook(json, *event.participant, about_track);
    }
    if (about_track) {
        json.key("track").begin_object().field("sid", event.track->sid);
        // AUDIO is the enumeration's zero, so it is left out.
        if (event.track->type != "AUDIO") json.field("type", event.track->type);
        json.field("source", event.track->source).field("mimeType", "audio/opus").end_object();
    }
    json.field("id", random_sid("EV_")).field("createdAt", std::to_string(now_ms() / 1000));
    json.end_object();
    return json.take();
}

}  // namespace subcults::livekit_stub
