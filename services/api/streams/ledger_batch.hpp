// The ledger's decisions, without I/O: locked state and commands in, answers and writes out.
//
// Load the rows that were read under the lock, call apply() for each command in order, then write
// what changed in the same transaction. Commands of one batch see each other's effects, so 256
// joins of one session become one row update and 256 audit entries.
#pragma once

#include "audit/audit_entry.hpp"
#include "streams/command.hpp"

#include <map>
#include <vector>

namespace subcults::api {

// A row of stream_sessions.
struct SessionRow {
    Uuid id;
    std::string room_name;
    std::string host_did;
    Subject subject;
    UnixMicros started_at;
    std::optional<UnixMicros> ended_at;
    bool is_locked = false;
    std::int64_t join_count = 0;
    std::int64_t leave_count = 0;
    std::int64_t active_count = 0;
    std::int64_t head_seq = 0;
    std::string head_hash;
    UnixMicros head_at;
    std::int64_t kid = 0;
};

struct ParticipantRow {
    UnixMicros first_joined_at;
    UnixMicros joined_at;
    std::optional<UnixMicros> left_at;
    std::int64_t reconnection_count = 0;
};

struct IdempotencyRow {
    Tag128 request{};
    std::int64_t answer_count = 0;
};

using ParticipantKey = std::pair<Uuid, std::string>;
using IdempotencyRowKey = std::pair<Uuid, Tag128>;

class LedgerBatch {
  public:
    // `now` is the wall clock; entries of one chain are at least a microsecond apart, whatever the
    // clock does.
    LedgerBatch(PrivacyKeys& keys, UnixMicros now) : keys_(keys), now_(now) {}

    void load(SessionRow row);
    void load(ParticipantKey key, ParticipantRow row);
    void load(IdempotencyRowKey key, IdempotencyRow row);

    // Decides a join, leave or end. The session must have been looked for: one that was not loaded
    // does not exist.
    Outcome apply(const Command& command);
    // A new session (its subject's slot was won before). Appends the first audit entry.
    Outcome create(const Command& command, std::string room_name);

    // What is to be written. Pointers into this batch, in a stable order (by key).
    std::vector<const SessionRow*> created_sessions() const;
    std::vector<const SessionRow*> changed_sessions() const;
    std::vector<std::pair<const ParticipantKey*, const ParticipantRow*>> changed_participants()
        const;
    std::vector<std::pair<const IdempotencyRowKey*, const IdempotencyRow*>> new_keys() const;
    const std::vector<AuditEntry>& audit_entries() const noexcept { return audit_; }
    // Sessions ended by this batch: their open participants are to be closed, their subjects freed.
    std::vector<const SessionRow*> ended_sessions() const;
    bool writes_anything() const noexcept { return !audit_.empty(); }

  private:
    template <class Row>
    struct Tracked {
        Row row;
        bool changed = false;
        bool created = false;
        bool ended = false;
    };
    Outcome join(Tracked<SessionRow>& session, const Command& command);
    Outcome leave(Tracked<SessionRow>& session, const Command& command);
    Outcome end(Tracked<SessionRow>& session, const Command& command);
    UnixMicros record(Tracked<SessionRow>& session, const Command& command,
                      std::string_view action);
    static Outcome answer(Outcome::Status status, const SessionRow& row, std::int64_t count);

    PrivacyKeys& keys_;
    UnixMicros now_;
    std::map<Uuid, Tracked<SessionRow>> sessions_;
    std::map<ParticipantKey, Tracked<ParticipantRow>> participants_;
    std::map<IdempotencyRowKey, Tracked<IdempotencyRow>> idempotency_;
    std::vector<AuditEntry> audit_;
};

}  // namespace subcults::api
