// What can be asked of the ledger, and what it answers.
#pragma once

#include "audit/privacy_keys.hpp"
#include "base/time.hpp"
#include "base/uuid.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace subcults::api {

enum class CommandKind : std::uint8_t { create, join, leave, end };
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

struct Command {
    CommandKind kind = CommandKind::join;
    Uuid session;
    std::string caller_did;  // compared with the host; never stored for anyone else
    std::string request_id;
    // Pseudonyms under the current privacy key, made on the worker so that the ledger's thread
    // does not have to; participant_id for join and leave only.
    Tag128 actor{};
    std::string participant_id;
    std::optional<IdempotencyKey> idempotency;
    std::optional<Subject> subject;  // create only
    // After this the caller does not wait any more: the command is refused if it has not begun.
    Deadline deadline{};
};

struct Outcome {
    enum class Status : std::uint8_t {
        applied,          // committed
        replayed,         // the first answer to this Idempotency-Key, or an end that was done
        not_found,        // no such session, scene or event
        gone,             // the scene or event was deleted
        ended,            // the session has ended
        forbidden,        // not the host, not the owner
        already_active,   // the subject has an active session
        key_reused,       // same Idempotency-Key, other request
        unavailable,      // refused or given up; certainly not applied
        outcome_unknown,  // the database went away during COMMIT and did not come back in time
        failed,           // an error of ours; not applied
    };
    Status status = Status::failed;
    std::int64_t count = 0;  // join_count or leave_count as of this command
    std::string room_name;
    std::optional<Subject> subject;
    UnixMicros started_at;
    std::optional<UnixMicros> ended_at;

    bool succeeded() const noexcept {
        return status == Status::applied || status == Status::replayed;
    }
};

}  // namespace subcults::api
