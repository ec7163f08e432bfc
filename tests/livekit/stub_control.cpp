// The stub's controls: what tests make happen in its rooms.
#include "base/json_writer.hpp"
#include "livekit/stub_server.hpp"

#include <algorithm>
#include <chrono>

namespace subcults::livekit_stub {

namespace {

using Json = rapidjson::Value;

std::string text(const Json& json, const char* name, const char* fallback = "") {
    const auto found = json.FindMember(name);
    const bool given = found != json.MemberEnd() && found->value.IsString();
    return given ? found->value.GetString() : fallback;
}

std::int64_t number(const Json& json, const char* name, std::int64_t fallback) {
    const auto found = json.FindMember(name);
    const bool given = found != json.MemberEnd() && found->value.IsInt64();
    return given ? found->value.GetInt64() : fallback;
}

bool flag(const Json& json, const char* name) {
    const auto found = json.FindMember(name);
    return found != json.MemberEnd() && found->value.IsBool() && found->value.GetBool();
}

StubAnswer refused(unsigned status, std::string_view why) {
    return twirp_error(status, "refused", why);
}

}  // namespace

void StubServer::announce(std::string_view event, const Room& room, const Participant* participant,
                          const Track* track, bool silent) {
    if (silent) return;
    Event happened;
    happened.name = event;
    happened.room = &room;
    happened.participant = participant;
    happened.track = track;
    webhooks_.send(room.name, webhook_json(happened));
}

void StubServer::enter(const std::string& name, Participant participant, bool silent) {
    Room& room = rooms_[name];
    if (room.sid.empty()) {
        room.sid = random_sid("RM_");
        room.name = name;
        room.created_at_ms = now_ms();
        announce("room_started", room, nullptr, nullptr, silent);
    }
    if (room.participants.contains(participant.identity)) {
        put_out(room, participant.identity, silent);
    }
    participant.sid = random_sid("PA_");
    participant.joined_at_ms = now_ms();
    Participant& there = room.participants[participant.identity];
    there = std::move(participant);
    if (there.state == "ACTIVE") {
        announce("participant_joined", room, &there, nullptr, silent);
    }
}

void StubServer::put_out(Room& room, const std::string& identity, bool silent) {
    const auto found = room.participants.find(identity);
    Participant gone = std::move(found->second);
    room.participants.erase(found);
    const bool was_active = gone.state == "ACTIVE";
    gone.state = "DISCONNECTED";
    announce(was_active ? "participant_left" : "participant_connection_aborted", room, &gone,
             nullptr, silent);
}

void StubServer::finish(const std::string& name, bool silent) {
    const auto found = rooms_.find(name);
    Room room = std::move(found->second);
    rooms_.erase(found);
    while (!room.participants.empty())
        put_out(room, room.participants.begin()->first, silent);
    announce("room_finished", room, nullptr, nullptr, silent);
}

StubAnswer StubServer::connect(const Json& request) {
    const auto grants =
        check_token(text(request, "token"), options_.api_key, options_.api_secret, now_ms() / 1000);
    if (!grants || !grants->room_join || grants->identity.empty() || grants->room.empty()) {
        return refused(401, "the token does not let anybody in");
    }
    Participant participant;
    participant.identity = grants->identity;
    participant.can_publish = grants->can_publish;
    participant.sources = grants->sources;
    if (flag(request, "pending")) participant.state = "JOINED";
    enter(grants->room, std::move(participant), flag(request, "silent"));
    JsonWriter json;
    json.begin_object().field("room", grants->room).field("identity", grants->identity);
    json.field("sid", rooms_[grants->room].participants[grants->identity].sid);
    json.field("can_publish", grants->can_publish);
    json.field("can_publish_data", grants->can_publish_data);
    json.field("can_subscribe", grants->can_subscribe);
    json.field("can_update_own_metadata", grants->can_update_own_metadata).end_object();
    StubAnswer answer;
    answer.body = json.take();
    return answer;
}

StubAnswer StubServer::join(const Json& request) {
    Participant participant;
    participant.identity = text(request, "identity");
    participant.kind = text(request, "kind", "STANDARD");
    participant.hidden = flag(request, "hidden");
    enter(text(request, "room"), std::move(participant), flag(request, "silent"));
    return {};
}

StubAnswer StubServer::settle(std::string_view action, const Json& request) {
    const auto room = rooms_.find(text(request, "room"));
    const std::string identity = text(request, "identity");
    if (room == rooms_.end() || !room->second.participants.contains(identity)) {
        return refused(404, "nobody of that name is there");
    }
    Participant& participant = room->second.participants[identity];
    if (action == "activate") {
        participant.state = "ACTIVE";
        announce("participant_joined", room->second, &participant, nullptr, false);
    } else {
        if (action == "abort") participant.state = "JOINED";
        put_out(room->second, identity, flag(request, "silent"));
    }
    return {};
}

StubAnswer StubServer::publish(const Json& request) {
    const auto room = rooms_.find(text(request, "room"));
    const std::string identity = text(request, "identity");
    if (room == rooms_.end() || !room->second.participants.contains(identity)) {
        return refused(404, "nobody of that name is there");
    }
    Participant& participant = room->second.participants[identity];
    Track track;
    track.sid = random_sid("TR_");
    track.source = text(request, "source", "MICROPHONE");
    track.type = text(request, "type", "AUDIO");
    std::string source = track.source;
    std::transform(source.begin(), source.end(), source.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
    const auto& allowed = participant.sources;
    const bool source_allowed =
        allowed.empty() || std::find(allowed.begin(), allowed.end(), source) != allowed.end();
    if (!participant.can_publish || !source_allowed) return refused(403, "not permitted");
    participant.tracks.push_back(track);
    announce("track_published", room->second, &participant, &track, flag(request, "silent"));
    return {};
}

// What others see of a participant beside its media.
StubAnswer StubServer::dress(std::string_view action, const Json& request) {
    const auto room = rooms_.find(text(request, "room"));
    const std::string identity = text(request, "identity");
    if (room == rooms_.end() || !room->second.participants.contains(identity)) {
        return refused(404, "nobody of that name is there");
    }
    Participant& participant = room->second.participants[identity];
    if (action == "ghost") {
        Participant ghost = participant;
        ghost.sid = random_sid("PA_");
        ghost.state = text(request, "state", "DISCONNECTED");
        room->second.ghosts.push_back(std::move(ghost));
        return {};
    }
    const auto given = request.FindMember("attributes");
    if (given == request.MemberEnd() || !given->value.IsObject()) {
        return refused(400, "attributes is required");
    }
    for (const auto& attribute : given->value.GetObject()) {
        if (!attribute.value.IsString()) return refused(400, "an attribute is a text");
        participant.attributes[attribute.name.GetString()] = attribute.value.GetString();
    }
    return {};
}

StubAnswer StubServer::control_webhooks(std::string_view action, const Json& request) {
    if (action == "webhooks") {
        webhooks_.set_url(text(request, "url"));
        webhooks_.set_retry_base(std::chrono::milliseconds(number(request, "retry_ms", 1000)));
    } else if (action == "hold") {
        webhooks_.hold();
    } else if (action == "release") {
        webhooks_.release(flag(request, "reversed"));
    } else {
        webhooks_.replay(static_cast<std::size_t>(number(request, "count", 1)));
    }
    return {};
}

StubAnswer StubServer::control(std::string_view action, const Json& request) {
    if (action == "webhooks" || action == "hold" || action == "release" || action == "replay") {
        return control_webhooks(action, request);
    }
    if (action == "connect") return connect(request);
    if (action == "join") return join(request);
    if (action == "publish") return publish(request);
    if (action == "attributes" || action == "ghost") return dress(action, request);
    if (action == "leave" || action == "abort" || action == "activate") {
        return settle(action, request);
    }
    StubAnswer answer;
    if (action == "state") {
        answer.body = state();
    } else if (action == "traces") {
        answer.body = traces();
    } else if (action == "finish") {
        const std::string room = text(request, "room");
        if (!rooms_.contains(room)) return refused(404, "no such room");
        finish(room, flag(request, "silent"));
    } else if (action == "fault") {
        Fault fault;
        fault.method = text(request, "method", "*");
        fault.kind = text(request, "kind", "status");
        fault.status = static_cast<unsigned>(number(request, "status", 500));
        fault.code = text(request, "code", "internal");
        fault.ms = number(request, "ms", 0);
        fault.times = number(request, "times", 0);
        faults_.push_back(std::move(fault));
    } else if (action == "clear") {
        faults_.clear();
        for (auto* const delay : delays_)
            delay->cancel();
    } else {
        return refused(404, "no such control");
    }
    return answer;
}

std::string StubServer::state() const {
    JsonWriter json;
    json.begin_object().key("rooms").begin_object();
    for (const auto& [name, room] : rooms_) {
        json.key(name).begin_object();
        for (const auto& [identity, participant] : room.participants) {
            json.key(identity).begin_object();
            json.field("sid", participant.sid).field("state", participant.state);
            json.key("tracks").begin_array();
            for (const Track& track : participant.tracks)
                json.value(track.muted ? "muted" : "live");
            json.end_array().end_object();
        }
        json.end_object();
    }
    json.end_object().key("calls").begin_object();
    for (const auto& [method, count] : calls_)
        json.field(method, count);
    json.end_object().field("connections", connections_).key("webhooks").begin_object();
    const SenderStats& sent = webhooks_.stats();
    json.field("attempts", sent.attempts).field("delivered", sent.delivered);
    json.field("given_up", sent.given_up).field("dropped", sent.dropped);
    json.field("queued", webhooks_.queued()).key("statuses").begin_object();
    for (const auto& [status, count] : sent.statuses)
        json.field(std::to_string(status), count);
    json.end_object().end_object().end_object();
    return json.take();
}

std::string StubServer::traces() const {
    JsonWriter json;
    json.begin_object().key("calls").begin_array();
    for (const TracedCall& call : traced_) {
        json.begin_object().field("method", call.method);
        json.field("traceparent", call.traceparent).field("tracestate", call.tracestate);
        json.end_object();
    }
    json.end_array().end_object();
    return json.take();
}

}  // namespace subcults::livekit_stub
