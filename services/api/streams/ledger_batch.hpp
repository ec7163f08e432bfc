// The ledger's decisions, without I/O: locked state and commands in, answers and writes out.
//
// Load the rows that were read under the lock, call apply() for each command in order, then write
// what changed in the same transaction. Commands of one batch see each other's effects, so 256
// joins of one session become one row update and 256 audit entries.
#pragma once

#include "audit/audit_entry.hpp"
#include "streams/denial_memory.hpp"
#include "streams/ledger_effects.hpp"
#include "streams/ledger_state.hpp"
#include "streams/participation.hpp"

#include <map>
#include <set>
#include <vector>

namespace subcults::api {

class LedgerBatch {
  public:
    // `now` is the wall clock; entries of one chain are at least a microsecond apart, whatever the
    // clock does. `denials` must outlive the batch; nullptr = every refusal is written once.
    // Without LiveKit there are no orders for it.
    LedgerBatch(PrivacyKeys& keys, UnixMicros now, const DenialMemory* denials = nullptr,
                bool livekit = true)
        : keys_(keys), now_(now), denials_(denials), livekit_(livekit) {}

    void load(SessionRow row);
    void load(ParticipantKey key, ParticipantRow row);
    void load(StayKey key, StayRow row);
    void load(IdempotencyRowKey key, IdempotencyRow row);
    void load_ban(ParticipantKey key) { bans_.insert_or_assign(std::move(key), Ban{}); }

    // Decides anything but a create. The session must have been looked for: one that was not loaded
    // does not exist. Likewise its participants and bans, for those whom the command names.
    Outcome apply(const Command& command);
    // A new session (its subject's slot was won before). Appends the first audit entry.
    Outcome create(const Command& command, std::string room_name,
                   std::optional<Uuid> hosting_scene);

    // What is to be written. Pointers into this batch, in a stable order (by key).
    std::vector<const SessionRow*> created_sessions() const;
    std::vector<const SessionRow*> changed_sessions() const;
    std::vector<std::pair<const ParticipantKey*, const ParticipantRow*>> changed_participants()
        const;
    std::vector<std::pair<const StayKey*, const StayRow*>> changed_stays() const;
    // Stays that were not read, to be ended unless they have ended earlier.
    const std::map<StayKey, UnixMicros>& closed_stays() const noexcept { return closed_stays_; }
    std::vector<std::pair<const ParticipantKey*, UnixMicros>> new_bans() const;
    std::vector<const ParticipantKey*> lifted_bans() const;
    std::vector<std::pair<const IdempotencyRowKey*, const IdempotencyRow*>> new_keys() const;
    const std::vector<std::pair<Uuid, LiveKitOrder>>& orders() const noexcept { return orders_; }
    // Orders of earlier transactions that must not be carried out any more; before orders().
    const std::vector<LiveKitOrder>& withdrawn_orders() const noexcept { return withdrawn_; }
    const std::vector<AuditEntry>& audit_entries() const noexcept { return audit_; }
    // Sessions ended by this batch: their open participants are to be closed, their subjects freed.
    std::vector<const SessionRow*> ended_sessions() const;
    // Sessions whose chain this batch extends: their heads are the receipt of its commit. Without
    // any, the batch may simply be repeated.
    std::vector<const SessionRow*> extended_sessions() const;
    bool writes_anything() const noexcept { return dirty_; }

    const LedgerEffects& effects() const noexcept { return effects_; }
    UnixMicros now() const noexcept { return now_; }

  private:
    template <class Row>
    struct Tracked {
        Row row;
        bool changed = false;
        bool created = false;
        bool ended = false;
        bool extended = false;
    };
    struct Ban {
        UnixMicros since;
        bool added = false;
        bool lifted = false;
    };
    using Session = Tracked<SessionRow>;
    class StayTable;

    // What this command's Idempotency-Key says, if it came before.
    std::optional<Outcome> first_answer(Session& session, const Command& command);
    Outcome decide(Session& session, const Command& command);
    Outcome join(Session& session, const Command& command);
    Outcome leave(Session& session, const Command& command);
    Outcome token(Session& session, const Command& command);
    Outcome end(Session& session, const Command& command);
    Outcome lock(Session& session, const Command& command);
    Outcome kick(Session& session, const Command& command);
    Outcome unkick(Session& session, const Command& command);
    Outcome mute(Session& session, const Command& command);
    Outcome presence(Session& session, const Command& command);
    Outcome first_track(Session& session, const Command& command);

    // The refusal that keeps this caller out (locked, kicked), if any.
    std::optional<Outcome::Status> closed_to(const Session& session, const Command& command) const;
    Outcome deny(Session& session, const Command& command, Outcome::Status status);
    UnixMicros record(Session& session, const Command& command, bool allowed = true);
    void finish(Session& session, const Command& command, UnixMicros at);
    void absorb(Session& session, Tracked<ParticipantRow>& participant,
                const PresenceChange& change);
    void measure(Session& session, Tracked<ParticipantRow>& participant);
    void order(const SessionRow& session, const Command& command, std::string_view action,
               std::string participant_id);
    void withdraw_removal(const SessionRow& session, const std::string& participant_id);
    void touch(Session& session) noexcept;
    bool banned(const ParticipantKey& key) const;
    bool is_host(const SessionRow& row, const Command& command) const;
    Tracked<ParticipantRow>* find(const Uuid& session, const std::string& participant);
    static Outcome answer(Outcome::Status status, const SessionRow& row, std::int64_t count = 0);

    PrivacyKeys& keys_;
    UnixMicros now_;
    const DenialMemory* denials_;
    bool livekit_;
    std::map<Uuid, Session> sessions_;
    std::map<ParticipantKey, Tracked<ParticipantRow>> participants_;
    std::map<StayKey, Tracked<StayRow>> stays_;
    std::map<StayKey, UnixMicros> closed_stays_;
    std::map<ParticipantKey, Ban> bans_;
    std::map<IdempotencyRowKey, Tracked<IdempotencyRow>> idempotency_;
    std::vector<std::pair<Uuid, LiveKitOrder>> orders_;
    std::vector<LiveKitOrder> withdrawn_;
    std::vector<AuditEntry> audit_;
    std::set<Denial> denied_;
    LedgerEffects effects_;
    bool dirty_ = false;
};

}  // namespace subcults::api
