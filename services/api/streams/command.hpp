// What can be asked of the ledger, and what it answers.
//
// Commands of clients carry the caller; those of LiveKit (presence, first_track, close) carry none
// and act for the system. The latter may be repeated and reordered at will: what has been taken
// note of is not taken note of twice, and news of an older connection never undoes a newer one.
#pragma once

#include "audit/privacy_keys.hpp"
#include "base/time.hpp"
#include "base/trace_context.hpp"
#include "base/uuid.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace subcults::api {

enum class CommandKind : std::uint8_t {
    create,
    join,
    leave,
    end,          // host: ends the session; LiveKit's room is deleted after the commit
    token,        // may the caller have a LiveKit token? The minting is the asker's business
    lock,         // host: `flag` says whether only the host may join
    kick,         // host: `target` leaves, and may neither join nor get a token any more
    unkick,       // host: lifts that
    mute,         // host: mutes (`flag`) or unmutes `target` in LiveKit, after the commit
    presence,     // LiveKit saw `participant_id` come or go: `presence`
    first_track,  // LiveKit saw an audio track published in the room, `at`
    close,        // ends the session like `end`, without a host (`flag`: unless somebody is there)
};
std::string_view to_string(CommandKind kind) noexcept;

// An Idempotency-Key, bound to caller, method and path, with the request it first came with.
struct IdempotencyKey {
    Tag128 key{};
    Tag128 request{};
};

// A stream is of a scene or of an event.
struct Subject {
    enum class Kind : std::uint8_t { scene, event };
    Kind kind = Kind::scene;
    Uuid id;
};

// What LiveKit says about one connection of a participant. `sid` names the connection; of two, the
// one with the later `joined_at` is the newer (a tie is broken by sid).
struct Presence {
    enum class Kind : std::uint8_t {
        joined,   // its media is connected (also: it was found in LiveKit's list)
        left,     // it is gone (also: it was not found there any more)
        aborted,  // it never got that far; like left
    };
    Kind kind = Kind::joined;
    // 1 to 64 bytes of UTF-8 without NUL. Empty is allowed for `left` only and means: LiveKit knows
    // no connection of this participant at `at`; it closes whatever was opened before that.
    std::string sid;
    UnixMicros joined_at;  // when the connection began (LiveKit's joined_at); for all three kinds
    UnixMicros at;         // when this happened
};

struct Command {
    CommandKind kind = CommandKind::join;
    Uuid session;
    std::string caller_did;  // compared with the host; never stored for anyone else
    std::string request_id;
    TraceContext trace;  // the request's; empty = nobody's request
    // Pseudonyms under the current privacy key, made on the worker so that the ledger's thread does
    // not have to. The caller's own participant_id for join, leave, token; LiveKit's identity for
    // presence.
    Tag128 actor{};
    std::string participant_id;
    std::string target;  // kick, unkick, mute: the participant it is about
    bool flag = false;   // lock: locked; mute: muted; close: only while nobody is there
    std::optional<IdempotencyKey> idempotency;
    // The same key as it was under the other configured privacy keys: its first use may lie before
    // a rotation.
    std::vector<IdempotencyKey> earlier_keys;
    std::optional<Subject> subject;  // create only
    // create with an Idempotency-Key: the ids that the same key had yesterday, and under the other
    // configured privacy keys.
    std::vector<Uuid> earlier_sessions;
    // join: the client says when its token was issued (believable or not), so its join is not to be
    // measured by LiveKit's events.
    bool measured_by_client = false;
    std::optional<Presence> presence;  // presence only
    UnixMicros at;                     // first_track only
    // After this the caller does not wait any more: the command is refused if it has not begun.
    Deadline deadline{};
};

struct Outcome {
    enum class Status : std::uint8_t {
        applied,              // committed
        replayed,             // the first answer to this Idempotency-Key, or nothing left to do
        not_found,            // no such session, scene or event
        unknown_participant,  // kick, unkick, mute, presence: never seen in this session
        gone,                 // the scene or event was deleted
        ended,                // the session has ended
        forbidden,            // not the host, not the owner
        locked,               // only the host may join
        kicked,               // the host has removed the caller (presence: the participant)
        target_is_host,       // kick: the host stays
        no_livekit,           // mute: there is no LiveKit to do it
        already_active,       // the subject has an active session
        key_reused,           // same Idempotency-Key, other request
        unavailable,          // refused or given up; certainly not applied
        outcome_unknown,      // the database went away during COMMIT and did not come back in time
        failed,               // an error of ours; not applied
    };
    Status status = Status::failed;
    Uuid session;            // of a create that was replayed it may differ from the command's
    std::int64_t count = 0;  // join_count or leave_count as of this command
    std::string room_name;
    std::optional<Subject> subject;
    UnixMicros started_at;
    std::optional<UnixMicros> ended_at;
    // For join, leave and token: the caller in this session. It may differ from the command's: a
    // session keeps the privacy key it began with.
    std::string participant_id;
    bool is_host = false;  // the caller is
    UnixMicros at;         // when it took effect; for a token: when it was issued

    bool succeeded() const noexcept {
        return status == Status::applied || status == Status::replayed;
    }
};

}  // namespace subcults::api
