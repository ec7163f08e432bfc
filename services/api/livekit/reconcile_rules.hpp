// What webhooks missed, found by holding LiveKit's lists against what the database knows.
//
// Careful on purpose, because both sides lag: who is missing from a list is taken for gone only
// when missing twice in a row; who is in it without being known only after some seconds, in which
// the webhook will usually have come. Somebody who joined here and whom LiveKit has never told of
// is given a minute to connect, and is then gone as well. Whoever is banned and listed all the
// same is reported as connected, upon which the ledger has them removed. Repairs go through the
// ledger, where late news of an old connection cannot undo a newer one.
//
// Decisions only; no clock, no I/O. Not thread-safe.
#pragma once

#include "livekit/messages.hpp"
#include "streams/command.hpp"

#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace subcults::api::livekit {

// The newest connection of a participant that the database knows.
struct KnownConnection {
    std::string participant_id;
    std::string sid;   // empty: LiveKit has told of none, the participant joined by request
    UnixMicros since;  // when it began; without one, when the participant joined
    bool present = false;
    bool banned = false;
    bool removal_ordered = false;  // and LiveKit has not carried it out yet
};

struct RoomSnapshot {
    Uuid session;
    bool exists = false;                 // LiveKit has such a room
    std::vector<KnownConnection> known;  // read before `listed` was asked for
    std::vector<Participant> listed;
};

class ReconcileRules {
  public:
    // Between these two, each session is looked at once. What was not looked at is forgotten.
    void begin_round();
    std::vector<Command> repairs(const RoomSnapshot& room, UnixMicros now);
    void end_round();

  private:
    using Connection = std::tuple<Uuid, std::string, std::string>;  // session, participant, sid
    std::set<Connection> missing_before_;
    std::set<Connection> missing_now_;
};

}  // namespace subcults::api::livekit
