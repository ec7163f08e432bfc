// A session, its people and its commands, for tests of the ledger's decisions.
#pragma once

#include "streams/ledger_batch.hpp"

#include <string>

namespace subcults::test {

using namespace subcults::api;
using Status = Outcome::Status;

inline const std::string host = "did:plc:host";
inline const std::string listener = "did:plc:listener";
constexpr std::int64_t second = 1'000'000;

struct World {
    PrivacyKeys keys{{Secret(std::string(32, 'k'))}};
    Uuid session = uuid_v7();
    UnixMicros now{1'766'537'083'000'000};

    UnixMicros at(double seconds) const {
        return UnixMicros{now.value + static_cast<std::int64_t>(seconds * 1e6)};
    }

    SessionRow row() {
        SessionRow made;
        made.id = session;
        made.room_name = "scene-x-1";
        made.host_did = host;
        made.subject.id = uuid_v7();
        made.hosting_scene = made.subject.id;
        made.started_at = UnixMicros{now.value - 100 * second};
        made.head_seq = 1;
        made.head_hash = std::string(32, 'h');
        made.head_at = made.started_at;
        made.kid = keys.current_kid();
        return made;
    }

    std::string participant(const std::string& did) {
        return keys.participant_id(keys.current_kid(), session, did);
    }

    Command command(CommandKind kind, const std::string& did) {
        Command made;
        made.kind = kind;
        made.session = session;
        made.caller_did = did;
        made.request_id = "request";
        made.actor = keys.actor(keys.current_kid(), did);
        made.participant_id = participant(did);
        return made;
    }

    Command about(CommandKind kind, const std::string& did, const std::string& target,
                  bool flag = false) {
        Command made = command(kind, did);
        made.target = target;
        made.flag = flag;
        return made;
    }

    Command presence(Presence::Kind kind, const std::string& did, const std::string& sid,
                     UnixMicros since, UnixMicros when) {
        Command made;
        made.kind = CommandKind::presence;
        made.session = session;
        made.participant_id = participant(did);
        made.presence.emplace();
        made.presence->kind = kind;
        made.presence->sid = sid;
        made.presence->joined_at = since;
        made.presence->at = when;
        return made;
    }

    Command first_track(UnixMicros when) {
        Command made;
        made.kind = CommandKind::first_track;
        made.session = session;
        made.at = when;
        return made;
    }

    Command with_key(Command command, std::string_view key, std::string_view body = "") {
        IdempotencyKey idempotency;
        idempotency.key = keys.idempotency_tag(keys.current_kid(), command.caller_did, "join", key);
        idempotency.request =
            keys.idempotency_tag(keys.current_kid(), command.caller_did, "body", body);
        command.idempotency = idempotency;
        return command;
    }
};

// The row of a participant that the batch has changed.
inline ParticipantRow changed(const LedgerBatch& batch, const std::string& participant) {
    for (const auto& [key, row] : batch.changed_participants()) {
        if (key->second == participant) return *row;
    }
    return {};
}

}  // namespace subcults::test
