// Who is present: the rules by which joins and leaves of clients and connections seen by LiveKit
// become one truth. Pure functions on one participant; no clock, no I/O.
//
// LiveKit's news come late, twice and out of order. So each connection is remembered by its sid,
// and the newest one (by the time it began, then by sid) decides: it brings the participant in
// unless it is over or a leave was asked for after it began; its end sends the participant out
// unless a join came later. Whatever the order of the news, the end is the same.
//
// A reconnection is a further connection. While LiveKit has told nothing of a participant, a
// further join counts as one instead.
#pragma once

#include "streams/ledger_state.hpp"

#include <functional>

namespace subcults::api {

// What changed with one participant.
struct PresenceChange {
    int active = 0;  // +1 came in, -1 went out
    bool changed = false;
};

// Reading and writing stays (rows of stream_participations of this participant).
class Stays {
  public:
    virtual ~Stays() = default;
    // The row under this key: one that is stored or was opened before; nullptr = there is none.
    virtual StayRow* find(const std::string& stay) = 0;
    virtual void open(const std::string& stay, StayRow row) = 0;
    // Ends the row at `at` unless it has ended earlier. A row that was not read is fine.
    virtual void close(const std::string& stay, UnixMicros at) = 0;
};

// `stay` names the row that this join opens if the participant was not present.
PresenceChange client_joined(ParticipantRow& row, Stays& stays, UnixMicros at, std::string stay);
PresenceChange client_left(ParticipantRow& row, Stays& stays, UnixMicros at);

// `not_before` and `now` bound times that another clock has measured.
PresenceChange livekit_said(ParticipantRow& row, Stays& stays, const Presence& presence,
                            UnixMicros not_before, UnixMicros now);

// Measures the join that waits for it, once its token, LiveKit's connection and the room's first
// audio track are known; returns the time from the token's issue, in seconds, and marks the token
// as used. nullopt = not yet, or nothing to measure.
std::optional<double> close_latency(ParticipantRow& row, std::optional<UnixMicros> first_track_at);

}  // namespace subcults::api
