#include "streams/stream_json.hpp"

#include "base/json_writer.hpp"

namespace subcults::api {
namespace {

std::string counted(const Uuid& session, const Outcome& outcome, std::string_view count_name,
                    std::string_view status) {
    JsonWriter json;
    json.begin_object()
        .field("stream_id", session.to_string())
        .field("room_name", outcome.room_name)
        .field(count_name, outcome.count)
        .field("status", status)
        .end_object();
    return json.take();
}

void write_subject(JsonWriter& json, const Subject& subject) {
    json.field(subject.kind == Subject::Kind::scene ? "scene_id" : "event_id",
               subject.id.to_string());
}

std::string begun_or_ended(const Uuid& session, const Outcome& outcome, std::string_view status) {
    JsonWriter json;
    json.begin_object().field("id", session.to_string()).field("room_name", outcome.room_name);
    if (outcome.subject) write_subject(json, *outcome.subject);
    json.field("status", status).end_object();
    return json.take();
}

std::string_view status_of(const std::optional<UnixMicros>& ended_at) {
    return ended_at ? "ended" : "active";
}

void write_stream(JsonWriter& json, const StreamView& stream) {
    std::optional<std::string> ended_at;
    if (stream.ended_at) ended_at = format_rfc3339(*stream.ended_at);
    json.begin_object().field("id", stream.id.to_string()).field("room_name", stream.room_name);
    write_subject(json, stream.subject);
    json.field("status", status_of(stream.ended_at))
        .field("started_at", format_rfc3339(stream.started_at))
        .field("ended_at", ended_at)
        .field("locked", stream.is_locked)
        .field("join_count", stream.join_count)
        .field("leave_count", stream.leave_count)
        .field("active_participants", stream.active_count)
        .end_object();
}

std::optional<std::string> shown(const std::optional<UnixMicros>& time) {
    if (!time) return std::nullopt;
    return format_rfc3339(*time);
}

void write_participant(JsonWriter& json, const ParticipantView& participant) {
    json.begin_object()
        .field("participant_id", participant.id)
        .field("joined_at", shown(participant.first_joined_at))
        .field("last_joined_at", shown(participant.joined_at))
        .field("left_at", shown(participant.left_at))
        .field("present", participant.joined_at.has_value() && !participant.left_at)
        .field("reconnections", participant.reconnections)
        .field("kicked", participant.kicked)
        .end_object();
}

}  // namespace

std::string joined_json(const Uuid& session, const Outcome& outcome) {
    return counted(session, outcome, "join_count", "joined");
}

std::string left_json(const Uuid& session, const Outcome& outcome) {
    return counted(session, outcome, "leave_count", "left");
}

std::string created_json(const Uuid& session, const Outcome& outcome) {
    return begun_or_ended(session, outcome, "active");
}

std::string ended_json(const Uuid& session, const Outcome& outcome) {
    return begun_or_ended(session, outcome, "ended");
}

std::string stream_json(const StreamView& stream) {
    JsonWriter json;
    write_stream(json, stream);
    return json.take();
}

std::string locked_json(const Uuid& session, bool locked) {
    JsonWriter json;
    json.begin_object()
        .field("stream_id", session.to_string())
        .field("locked", locked)
        .end_object();
    return json.take();
}

std::string kicked_json(const Uuid& session, std::string_view participant, bool kicked) {
    JsonWriter json;
    json.begin_object()
        .field("stream_id", session.to_string())
        .field("participant_id", participant)
        .field("status", kicked ? "kicked" : "readmitted")
        .end_object();
    return json.take();
}

std::string muted_json(const Uuid& session, std::string_view participant, bool muted) {
    JsonWriter json;
    json.begin_object()
        .field("stream_id", session.to_string())
        .field("participant_id", participant)
        .field("muted", muted)
        .end_object();
    return json.take();
}

std::string participants_json(const StreamView& stream, const ParticipantPage* page) {
    JsonWriter json;
    json.begin_object()
        .field("stream_id", stream.id.to_string())
        .field("room_name", stream.room_name)
        .field("active_count", stream.active_count);
    if (page != nullptr) {
        json.key("participants").begin_array();
        for (const ParticipantView& participant : page->participants)
            write_participant(json, participant);
        json.end_array().field("next_cursor", page->next);
    }
    json.end_object();
    return json.take();
}

std::string stream_list_json(const std::vector<StreamView>& streams,
                             const std::optional<std::string>& next_cursor) {
    JsonWriter json;
    json.begin_object().key("streams").begin_array();
    for (const StreamView& stream : streams)
        write_stream(json, stream);
    json.end_array().field("next_cursor", next_cursor).end_object();
    return json.take();
}

}  // namespace subcults::api
