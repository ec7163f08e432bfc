// Sessions, joins and leaves, tokens. Moderation and LiveKit's news are in ledger_moderation.cpp.
#include "streams/ledger_batch.hpp"

#include "streams/ledger_stays.hpp"

#include <algorithm>

namespace subcults::api {

using Status = Outcome::Status;

namespace {

// The audited action of a command.
std::string_view action_of(const Command& command) noexcept {
    switch (command.kind) {
        case CommandKind::create:
            return "created";
        case CommandKind::join:
            return "joined";
        case CommandKind::leave:
            return "left";
        case CommandKind::end:
        case CommandKind::close:
            return "ended";
        case CommandKind::token:
            return "token_issued";
        case CommandKind::lock:
            return command.flag ? "locked" : "unlocked";
        case CommandKind::kick:
            return "kicked";
        case CommandKind::unkick:
            return "unkicked";
        case CommandKind::mute:
            return command.flag ? "muted" : "unmuted";
        case CommandKind::presence:
        case CommandKind::first_track:
            break;
    }
    return "other";
}

}  // namespace

std::string_view to_string(CommandKind kind) noexcept {
    switch (kind) {
        case CommandKind::create:
            return "create";
        case CommandKind::join:
            return "join";
        case CommandKind::leave:
            return "leave";
        case CommandKind::end:
            return "end";
        case CommandKind::token:
            return "token";
        case CommandKind::lock:
            return "lock";
        case CommandKind::kick:
            return "kick";
        case CommandKind::unkick:
            return "unkick";
        case CommandKind::mute:
            return "mute";
        case CommandKind::presence:
            return "presence";
        case CommandKind::first_track:
            return "first_track";
        case CommandKind::close:
            return "close";
    }
    return "other";
}

void LedgerBatch::load(SessionRow row) {
    const Uuid id = row.id;
    sessions_.insert_or_assign(id, Session{std::move(row)});
}

void LedgerBatch::load(ParticipantKey key, ParticipantRow row) {
    participants_.insert_or_assign(std::move(key), Tracked<ParticipantRow>{std::move(row)});
}

void LedgerBatch::load(StayKey key, StayRow row) {
    stays_.insert_or_assign(std::move(key), Tracked<StayRow>{row});
}

void LedgerBatch::load(IdempotencyRowKey key, IdempotencyRow row) {
    idempotency_.insert_or_assign(key, Tracked<IdempotencyRow>{row});
}

Outcome LedgerBatch::answer(Status status, const SessionRow& row, std::int64_t count) {
    Outcome outcome;
    outcome.status = status;
    outcome.session = row.id;
    outcome.count = count;
    outcome.room_name = row.room_name;
    outcome.subject = row.subject;
    outcome.started_at = row.started_at;
    outcome.ended_at = row.ended_at;
    return outcome;
}

void LedgerBatch::touch(Session& session) noexcept {
    session.changed = true;
    dirty_ = true;
}

bool LedgerBatch::is_host(const SessionRow& row, const Command& command) const {
    return !command.caller_did.empty() && row.host_did == command.caller_did;
}

bool LedgerBatch::banned(const ParticipantKey& key) const {
    const auto found = bans_.find(key);
    return found != bans_.end() && !found->second.lifted;
}

LedgerBatch::Tracked<ParticipantRow>* LedgerBatch::find(const Uuid& session,
                                                        const std::string& participant) {
    const auto found = participants_.find({session, participant});
    return found == participants_.end() ? nullptr : &found->second;
}

// Extends the session's chain by one entry and returns the entry's time, which is the command's.
UnixMicros LedgerBatch::record(Session& session, const Command& command, bool allowed) {
    SessionRow& row = session.row;
    AuditEntry entry;
    entry.entity_type = "stream_session";
    entry.entity_id = row.id;
    entry.seq = row.head_seq + 1;
    entry.action = action_of(command);
    entry.outcome = allowed ? "success" : "failure";
    // What LiveKit reports has no caller: the system acts.
    entry.actor =
        command.caller_did.empty() ? keys_.actor(keys_.current_kid(), "system") : command.actor;
    entry.request_id = command.request_id;
    entry.created_at = UnixMicros{std::max(row.head_at.value + 1, now_.value)};
    entry.kid = keys_.current_kid();
    if (!command.target.empty()) {
        entry.target.emplace();
        entry.target->tag = keys_.target(entry.kid, command.target);
    }
    seal(keys_, entry, row.head_hash);

    row.head_seq = entry.seq;
    row.head_hash.assign(subcults::as_view(entry.hash));
    row.head_at = entry.created_at;
    session.extended = true;
    touch(session);
    const UnixMicros at = entry.created_at;
    audit_.push_back(std::move(entry));
    return at;
}

Outcome LedgerBatch::deny(Session& session, const Command& command, Status status) {
    Denial denial;
    denial.session = session.row.id;
    denial.actor = command.actor;
    denial.kind = command.kind;
    denial.action = action_of(command);
    if (find(session.row.id, command.target) != nullptr) {
        denial.target = keys_.target(keys_.current_kid(), command.target);
    }
    const bool known = denials_ != nullptr && denials_->suppresses(denial, now_);
    if (!known && denied_.insert(denial).second) {
        record(session, command, false);
        effects_.denials.push_back(denial);
    }
    return answer(status, session.row);
}

Outcome LedgerBatch::apply(const Command& command) {
    const auto found = sessions_.find(command.session);
    if (found == sessions_.end()) {
        Outcome outcome;
        outcome.status = Status::not_found;
        return outcome;
    }
    Session& session = found->second;

    // A retry gets the first answer, whatever has happened to the session since.
    if (auto first = first_answer(session, command)) return std::move(*first);
    Outcome outcome = decide(session, command);
    outcome.participant_id = command.participant_id;
    outcome.is_host = is_host(session.row, command);
    if (command.idempotency && outcome.status == Status::applied) {
        Tracked<IdempotencyRow> first{{command.idempotency->request, outcome.count}};
        first.created = true;
        idempotency_.insert_or_assign({command.session, command.idempotency->key}, first);
    }
    return outcome;
}

std::optional<Outcome> LedgerBatch::first_answer(Session& session, const Command& command) {
    if (!command.idempotency) return std::nullopt;
    const auto look = [&](const IdempotencyKey& key) -> std::optional<Outcome> {
        const auto seen = idempotency_.find({command.session, key.key});
        if (seen == idempotency_.end()) return std::nullopt;
        const IdempotencyRow& first = seen->second.row;
        if (first.request != key.request) return deny(session, command, Status::key_reused);
        return answer(Status::replayed, session.row, first.answer_count);
    };
    auto found = look(*command.idempotency);
    for (auto earlier = command.earlier_keys.begin();
         !found && earlier != command.earlier_keys.end(); ++earlier) {
        found = look(*earlier);
    }
    return found;
}

Outcome LedgerBatch::decide(Session& session, const Command& command) {
    switch (command.kind) {
        case CommandKind::join:
            return join(session, command);
        case CommandKind::leave:
            return leave(session, command);
        case CommandKind::token:
            return token(session, command);
        case CommandKind::end:
        case CommandKind::close:
            return end(session, command);
        case CommandKind::lock:
            return lock(session, command);
        case CommandKind::kick:
            return kick(session, command);
        case CommandKind::unkick:
            return unkick(session, command);
        case CommandKind::mute:
            return mute(session, command);
        case CommandKind::presence:
            return presence(session, command);
        case CommandKind::first_track:
            return first_track(session, command);
        case CommandKind::create:
            break;
    }
    return answer(Status::failed, session.row);
}

std::optional<Status> LedgerBatch::closed_to(const Session& session, const Command& command) const {
    if (is_host(session.row, command)) return std::nullopt;
    if (banned({session.row.id, command.participant_id})) return Status::kicked;
    if (session.row.is_locked) return Status::locked;
    return std::nullopt;
}

Outcome LedgerBatch::join(Session& session, const Command& command) {
    SessionRow& row = session.row;
    if (row.ended_at) return deny(session, command, Status::ended);
    if (const auto refusal = closed_to(session, command)) return deny(session, command, *refusal);

    const UnixMicros at = record(session, command);
    ++row.join_count;
    if (row.hosting_scene) ++effects_.by_scene[*row.hosting_scene].joins;
    Tracked<ParticipantRow>& participant = participants_[{row.id, command.participant_id}];
    StayTable stays(*this, row.id, command.participant_id);
    absorb(session, participant,
           client_joined(participant.row, stays, at, std::to_string(row.head_seq)));
    if (command.measured_by_client) {
        participant.row.latency_wanted = false;
        participant.row.latency_done = true;
    } else {
        participant.row.latency_wanted = true;
        measure(session, participant);
    }
    Outcome outcome = answer(Status::applied, row, row.join_count);
    outcome.at = at;
    return outcome;
}

Outcome LedgerBatch::leave(Session& session, const Command& command) {
    SessionRow& row = session.row;
    if (row.ended_at) return deny(session, command, Status::ended);

    const UnixMicros at = record(session, command);
    ++row.leave_count;
    if (row.hosting_scene) ++effects_.by_scene[*row.hosting_scene].leaves;
    if (Tracked<ParticipantRow>* participant = find(row.id, command.participant_id)) {
        StayTable stays(*this, row.id, command.participant_id);
        absorb(session, *participant, client_left(participant->row, stays, at));
    }
    Outcome outcome = answer(Status::applied, row, row.leave_count);
    outcome.at = at;
    return outcome;
}

Outcome LedgerBatch::token(Session& session, const Command& command) {
    SessionRow& row = session.row;
    if (row.ended_at) return deny(session, command, Status::ended);
    if (const auto refusal = closed_to(session, command)) return deny(session, command, *refusal);

    const UnixMicros at = record(session, command);
    Tracked<ParticipantRow>& participant = participants_[{row.id, command.participant_id}];
    participant.row.token_issued_at = at;
    participant.row.latency_done = false;
    participant.changed = true;
    Outcome outcome = answer(Status::applied, row);
    outcome.at = at;
    return outcome;
}

Outcome LedgerBatch::end(Session& session, const Command& command) {
    SessionRow& row = session.row;
    const bool by_system = command.kind == CommandKind::close;
    if (!by_system && !is_host(row, command)) return deny(session, command, Status::forbidden);
    if (row.ended_at) return answer(Status::replayed, row);
    if (by_system && command.flag && row.active_count > 0) return answer(Status::replayed, row);
    finish(session, command, record(session, command));
    return answer(Status::applied, row);
}

void LedgerBatch::finish(Session& session, const Command& command, UnixMicros at) {
    SessionRow& row = session.row;
    row.ended_at = at;
    row.active_count = 0;
    session.ended = true;
    effects_.durations.push_back(static_cast<double>(at.value - row.started_at.value) / 1e6);
    // Those that this batch knows of are closed here, the others by the statement that closes all
    // open participants of an ended session. Their stays remain open: until the end, that says.
    for (auto it = participants_.lower_bound({row.id, std::string()});
         it != participants_.end() && it->first.first == row.id; ++it) {
        if (!it->second.row.present()) continue;
        it->second.row.left_at = at;
        it->second.changed = true;
    }
    order(row, command, delete_room, {});
}

void LedgerBatch::absorb(Session& session, Tracked<ParticipantRow>& participant,
                         const PresenceChange& change) {
    if (change.changed) {
        participant.changed = true;
        dirty_ = true;
    }
    if (change.active == 0) return;
    SessionRow& row = session.row;
    row.active_count = std::max<std::int64_t>(0, row.active_count + change.active);
    touch(session);
}

void LedgerBatch::order(const SessionRow& session, const Command& command, std::string_view action,
                        std::string participant_id) {
    if (!livekit_) return;
    // Removing and deleting once does for all of a batch; of mutes, the last one counts.
    const bool once = action == delete_room || action == remove_participant;
    const auto same = [&](const std::pair<Uuid, LiveKitOrder>& item) {
        return item.first == session.id && item.second.action == action &&
               item.second.participant_id == participant_id;
    };
    if (once && std::any_of(orders_.begin(), orders_.end(), same)) return;
    LiveKitOrder order;
    order.action = action;
    order.room_name = session.room_name;
    order.participant_id = std::move(participant_id);
    if (!command.trace.self.empty()) {
        order.traceparent = command.trace.self.header();
        order.tracestate = command.trace.state;
    }
    orders_.emplace_back(session.id, std::move(order));
    dirty_ = true;
}

// Whoever is let in again must not be thrown out by what was ordered before, be it in this batch or
// while LiveKit was away.
void LedgerBatch::withdraw_removal(const SessionRow& session, const std::string& participant_id) {
    std::erase_if(orders_, [&](const std::pair<Uuid, LiveKitOrder>& item) {
        return item.first == session.id && item.second.action == remove_participant &&
               item.second.participant_id == participant_id;
    });
    LiveKitOrder withdrawn;
    withdrawn.action = remove_participant;
    withdrawn.room_name = session.room_name;
    withdrawn.participant_id = participant_id;
    withdrawn_.push_back(std::move(withdrawn));
    dirty_ = true;
}

Outcome LedgerBatch::create(const Command& command, std::string room_name,
                            std::optional<Uuid> hosting_scene) {
    Session session;
    SessionRow& row = session.row;
    row.id = command.session;
    row.room_name = std::move(room_name);
    row.host_did = command.caller_did;
    row.subject = *command.subject;
    row.hosting_scene = hosting_scene;
    row.started_at = now_;
    row.head_at = UnixMicros{now_.value - 1};
    row.kid = keys_.current_kid();
    session.created = true;
    record(session, command);
    Outcome outcome = answer(Status::applied, row);
    outcome.is_host = true;
    sessions_.insert_or_assign(command.session, std::move(session));
    return outcome;
}

}  // namespace subcults::api
