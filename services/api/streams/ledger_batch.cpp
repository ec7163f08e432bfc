#include "streams/ledger_batch.hpp"

#include <algorithm>

namespace subcults::api {

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
    }
    return "other";
}

void LedgerBatch::load(SessionRow row) {
    const Uuid id = row.id;
    sessions_.insert_or_assign(id, Tracked<SessionRow>{std::move(row)});
}

void LedgerBatch::load(ParticipantKey key, ParticipantRow row) {
    participants_.insert_or_assign(std::move(key), Tracked<ParticipantRow>{row});
}

void LedgerBatch::load(IdempotencyRowKey key, IdempotencyRow row) {
    idempotency_.insert_or_assign(key, Tracked<IdempotencyRow>{row});
}

Outcome LedgerBatch::answer(Outcome::Status status, const SessionRow& row, std::int64_t count) {
    Outcome outcome;
    outcome.status = status;
    outcome.count = count;
    outcome.room_name = row.room_name;
    outcome.subject = row.subject;
    outcome.started_at = row.started_at;
    outcome.ended_at = row.ended_at;
    return outcome;
}

// Extends the session's chain by one entry and returns the entry's time, which is the command's.
UnixMicros LedgerBatch::record(Tracked<SessionRow>& session, const Command& command,
                               std::string_view action) {
    SessionRow& row = session.row;
    AuditEntry entry;
    entry.entity_type = "stream_session";
    entry.entity_id = row.id;
    entry.seq = row.head_seq + 1;
    entry.action = action;
    entry.outcome = "success";
    entry.actor = command.actor;
    entry.request_id = command.request_id;
    entry.created_at = UnixMicros{std::max(row.head_at.value + 1, now_.value)};
    entry.kid = keys_.current_kid();
    seal(keys_, entry, row.head_hash);

    row.head_seq = entry.seq;
    row.head_hash.assign(subcults::as_view(entry.hash));
    row.head_at = entry.created_at;
    session.changed = true;
    const UnixMicros at = entry.created_at;
    audit_.push_back(std::move(entry));
    return at;
}

Outcome LedgerBatch::apply(const Command& command) {
    const auto found = sessions_.find(command.session);
    if (found == sessions_.end()) {
        Outcome outcome;
        outcome.status = Outcome::Status::not_found;
        return outcome;
    }
    Tracked<SessionRow>& session = found->second;

    // A retry gets the first answer, whatever has happened to the session since.
    if (command.idempotency) {
        const IdempotencyRowKey key{command.session, command.idempotency->key};
        if (const auto seen = idempotency_.find(key); seen != idempotency_.end()) {
            const IdempotencyRow& first = seen->second.row;
            const auto status = first.request == command.idempotency->request
                                    ? Outcome::Status::replayed
                                    : Outcome::Status::key_reused;
            return answer(status, session.row, first.answer_count);
        }
    }

    Outcome outcome;
    switch (command.kind) {
        case CommandKind::join:
            outcome = join(session, command);
            break;
        case CommandKind::leave:
            outcome = leave(session, command);
            break;
        case CommandKind::end:
            outcome = end(session, command);
            break;
        case CommandKind::create:
            return answer(Outcome::Status::failed, session.row, 0);
    }
    if (command.idempotency && outcome.status == Outcome::Status::applied) {
        Tracked<IdempotencyRow> first{{command.idempotency->request, outcome.count}};
        first.created = true;
        idempotency_.insert_or_assign({command.session, command.idempotency->key}, first);
    }
    return outcome;
}

Outcome LedgerBatch::join(Tracked<SessionRow>& session, const Command& command) {
    SessionRow& row = session.row;
    if (row.ended_at) return answer(Outcome::Status::ended, row, row.join_count);

    const UnixMicros at = record(session, command, "joined");
    ++row.join_count;
    auto [slot, is_new] = participants_.try_emplace({row.id, command.participant_id});
    Tracked<ParticipantRow>& participant = slot->second;
    if (is_new) {
        participant.row.first_joined_at = at;
        ++row.active_count;
    } else {
        // Here before: it left and came back, or its client lost the link without saying so.
        ++participant.row.reconnection_count;
        if (participant.row.left_at) ++row.active_count;
    }
    participant.row.joined_at = at;
    participant.row.left_at.reset();
    participant.changed = true;
    return answer(Outcome::Status::applied, row, row.join_count);
}

Outcome LedgerBatch::leave(Tracked<SessionRow>& session, const Command& command) {
    SessionRow& row = session.row;
    if (row.ended_at) return answer(Outcome::Status::ended, row, row.leave_count);

    const UnixMicros at = record(session, command, "left");
    ++row.leave_count;
    const auto found = participants_.find({row.id, command.participant_id});
    if (found != participants_.end() && !found->second.row.left_at) {
        found->second.row.left_at = at;
        found->second.changed = true;
        row.active_count = std::max<std::int64_t>(0, row.active_count - 1);
    }
    return answer(Outcome::Status::applied, row, row.leave_count);
}

Outcome LedgerBatch::end(Tracked<SessionRow>& session, const Command& command) {
    SessionRow& row = session.row;
    if (row.host_did != command.caller_did) return answer(Outcome::Status::forbidden, row, 0);
    if (row.ended_at) return answer(Outcome::Status::replayed, row, 0);

    row.ended_at = record(session, command, "ended");
    row.active_count = 0;
    session.ended = true;
    // Those that this batch knows of are closed here, the others by the statement that closes all
    // open participants of an ended session.
    for (auto it = participants_.lower_bound({row.id, std::string()});
         it != participants_.end() && it->first.first == row.id; ++it) {
        if (!it->second.row.left_at) {
            it->second.row.left_at = row.ended_at;
            it->second.changed = true;
        }
    }
    return answer(Outcome::Status::applied, row, 0);
}

Outcome LedgerBatch::create(const Command& command, std::string room_name) {
    Tracked<SessionRow> session;
    SessionRow& row = session.row;
    row.id = command.session;
    row.room_name = std::move(room_name);
    row.host_did = command.caller_did;
    row.subject = *command.subject;
    row.started_at = now_;
    row.head_at = UnixMicros{now_.value - 1};
    row.kid = keys_.current_kid();
    session.created = true;
    record(session, command, "created");
    const Outcome outcome = answer(Outcome::Status::applied, row, 0);
    sessions_.insert_or_assign(command.session, std::move(session));
    return outcome;
}

std::vector<const SessionRow*> LedgerBatch::created_sessions() const {
    std::vector<const SessionRow*> rows;
    for (const auto& [id, session] : sessions_) {
        if (session.created) rows.push_back(&session.row);
    }
    return rows;
}

std::vector<const SessionRow*> LedgerBatch::changed_sessions() const {
    std::vector<const SessionRow*> rows;
    for (const auto& [id, session] : sessions_) {
        if (session.changed && !session.created) rows.push_back(&session.row);
    }
    return rows;
}

std::vector<const SessionRow*> LedgerBatch::ended_sessions() const {
    std::vector<const SessionRow*> rows;
    for (const auto& [id, session] : sessions_) {
        if (session.ended) rows.push_back(&session.row);
    }
    return rows;
}

std::vector<std::pair<const ParticipantKey*, const ParticipantRow*>>
LedgerBatch::changed_participants() const {
    std::vector<std::pair<const ParticipantKey*, const ParticipantRow*>> rows;
    for (const auto& [key, participant] : participants_) {
        if (participant.changed) rows.emplace_back(&key, &participant.row);
    }
    return rows;
}

std::vector<std::pair<const IdempotencyRowKey*, const IdempotencyRow*>> LedgerBatch::new_keys()
    const {
    std::vector<std::pair<const IdempotencyRowKey*, const IdempotencyRow*>> rows;
    for (const auto& [key, first] : idempotency_) {
        if (first.created) rows.emplace_back(&key, &first.row);
    }
    return rows;
}

}  // namespace subcults::api
