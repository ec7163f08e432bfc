// What the stub knows of rooms and who is in them, and how LiveKit would write it down: snake_case
// with every default in answers of RoomService, camelCase without defaults in webhooks.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::livekit_stub {

struct Track {
    std::string sid;
    std::string type = "AUDIO";
    std::string source = "MICROPHONE";
    bool muted = false;
};

struct Participant {
    std::string sid;
    std::string identity;
    std::string state = "ACTIVE";
    std::string kind = "STANDARD";
    bool hidden = false;
    bool can_publish = true;
    std::vector<std::string> sources;  // lower case; empty = any
    std::int64_t joined_at_ms = 0;
    std::vector<Track> tracks;
    std::map<std::string, std::string> attributes;
};

struct Room {
    std::string sid;
    std::string name;
    std::int64_t created_at_ms = 0;
    std::map<std::string, Participant> participants;  // by identity
    std::vector<Participant> ghosts;  // listed beside them: connections that are on their way out
};

std::string random_sid(std::string_view prefix);
std::int64_t now_ms();

std::string answer_json(const Room& room);
std::string answer_json(const Participant& participant);
std::string answer_json(const Track& track);

struct Event {
    std::string name;
    const Room* room = nullptr;
    const Participant* participant = nullptr;
    const Track* track = nullptr;
};
// The body of a webhook with a fresh id.
std::string webhook_json(const Event& event);

}  // namespace subcults::livekit_stub
