// What hosts and LiveKit do to a session's participants; and what a batch has to write.
#include "streams/join_latency.hpp"
#include "streams/ledger_batch.hpp"
#include "streams/ledger_stays.hpp"

#include <algorithm>

namespace subcults::api {

using Status = Outcome::Status;

StayKey LedgerBatch::StayTable::key(const std::string& stay) const {
    StayKey made;
    made.session = session_;
    made.participant_id = participant_id_;
    made.stay = stay;
    return made;
}

StayRow* LedgerBatch::StayTable::find(const std::string& stay) {
    const auto found = batch_.stays_.find(key(stay));
    return found == batch_.stays_.end() ? nullptr : &found->second.row;
}

void LedgerBatch::StayTable::open(const std::string& stay, StayRow row) {
    Tracked<StayRow> opened{row};
    opened.changed = true;
    batch_.stays_.insert_or_assign(key(stay), opened);
    batch_.dirty_ = true;
}

void LedgerBatch::StayTable::close(const std::string& stay, UnixMicros at) {
    StayKey which = key(stay);
    const auto found = batch_.stays_.find(which);
    if (found == batch_.stays_.end()) {
        const auto [slot, is_new] = batch_.closed_stays_.try_emplace(std::move(which), at);
        if (!is_new) slot->second = std::min(slot->second, at);
        batch_.dirty_ = true;
        return;
    }
    StayRow& row = found->second.row;
    if (row.left_at && *row.left_at <= at) return;
    row.left_at = std::max(at, row.joined_at);
    found->second.changed = true;
    batch_.dirty_ = true;
}

Outcome LedgerBatch::lock(Session& session, const Command& command) {
    SessionRow& row = session.row;
    if (!is_host(row, command)) return deny(session, command, Status::forbidden);
    if (row.ended_at) return deny(session, command, Status::ended);
    if (row.is_locked == command.flag) return answer(Status::replayed, row);
    record(session, command);
    row.is_locked = command.flag;
    return answer(Status::applied, row);
}

Outcome LedgerBatch::kick(Session& session, const Command& command) {
    SessionRow& row = session.row;
    if (!is_host(row, command)) return deny(session, command, Status::forbidden);
    if (row.ended_at) return deny(session, command, Status::ended);
    const ParticipantKey key{row.id, command.target};
    if (banned(key)) return answer(Status::replayed, row);
    Tracked<ParticipantRow>* participant = find(row.id, command.target);
    if (participant == nullptr) return answer(Status::unknown_participant, row);
    if (command.target == keys_.participant_id(row.kid, row.id, row.host_did)) {
        return deny(session, command, Status::target_is_host);
    }

    const UnixMicros at = record(session, command);
    StayTable stays(*this, row.id, command.target);
    absorb(session, *participant, client_left(participant->row, stays, at));
    Ban ban;
    ban.since = at;
    ban.added = true;
    bans_.insert_or_assign(key, ban);
    order(row, command, remove_participant, command.target);
    return answer(Status::applied, row);
}

Outcome LedgerBatch::unkick(Session& session, const Command& command) {
    SessionRow& row = session.row;
    if (!is_host(row, command)) return deny(session, command, Status::forbidden);
    if (row.ended_at) return deny(session, command, Status::ended);
    const ParticipantKey key{row.id, command.target};
    if (!banned(key)) {
        const bool known = find(row.id, command.target) != nullptr;
        return answer(known ? Status::replayed : Status::unknown_participant, row);
    }
    record(session, command);
    Ban& ban = bans_.at(key);
    ban.lifted = true;
    ban.added = false;
    withdraw_removal(row, command.target);
    return answer(Status::applied, row);
}

Outcome LedgerBatch::mute(Session& session, const Command& command) {
    SessionRow& row = session.row;
    if (!is_host(row, command)) return deny(session, command, Status::forbidden);
    if (row.ended_at) return deny(session, command, Status::ended);
    if (find(row.id, command.target) == nullptr) {
        return answer(Status::unknown_participant, row);
    }
    // A kick without LiveKit is still remembered; a mute would be a lie.
    if (!livekit_) return answer(Status::no_livekit, row);
    record(session, command);
    order(row, command, command.flag ? "mute" : "unmute", command.target);
    return answer(Status::applied, row);
}

Outcome LedgerBatch::presence(Session& session, const Command& command) {
    SessionRow& row = session.row;
    const Presence& news = *command.presence;
    const bool joined = news.kind == Presence::Kind::joined;
    if (row.ended_at) {
        // A token outlives its session: whoever connects with one brings the room back.
        if (joined) order(row, command, delete_room, {});
        return answer(Status::ended, row);
    }
    Tracked<ParticipantRow>* participant = find(row.id, command.participant_id);
    if (participant == nullptr) return answer(Status::unknown_participant, row);
    if (joined && banned({row.id, command.participant_id})) {
        // Its token outlives the kick as well.
        order(row, command, remove_participant, command.participant_id);
        return answer(Status::kicked, row);
    }
    if (joined && row.is_locked && !participant->row.present() &&
        command.participant_id != keys_.participant_id(row.kid, row.id, row.host_did)) {
        // And the lock, which is for those who were inside when it fell.
        order(row, command, remove_participant, command.participant_id);
        return answer(Status::locked, row);
    }
    StayTable stays(*this, row.id, command.participant_id);
    const PresenceChange change = livekit_said(participant->row, stays, news, row.started_at, now_);
    absorb(session, *participant, change);
    measure(session, *participant);
    return answer(change.changed ? Status::applied : Status::replayed, row);
}

Outcome LedgerBatch::first_track(Session& session, const Command& command) {
    SessionRow& row = session.row;
    if (row.ended_at) return answer(Status::ended, row);
    const UnixMicros at = std::clamp(command.at, row.started_at, std::max(row.started_at, now_));
    if (row.first_track_at && *row.first_track_at <= at) return answer(Status::replayed, row);
    row.first_track_at = at;
    touch(session);
    for (auto it = participants_.lower_bound({row.id, std::string()});
         it != participants_.end() && it->first.first == row.id; ++it) {
        measure(session, it->second);
    }
    return answer(Status::applied, row);
}

void LedgerBatch::measure(Session& session, Tracked<ParticipantRow>& participant) {
    const auto seconds = close_latency(participant.row, session.row.first_track_at);
    if (!seconds) return;
    participant.changed = true;
    dirty_ = true;
    if (latency_is_believable(*seconds)) {
        effects_.latencies.push_back(*seconds);
    } else {
        ++effects_.latencies_too_old;
    }
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

std::vector<const SessionRow*> LedgerBatch::extended_sessions() const {
    std::vector<const SessionRow*> rows;
    for (const auto& [id, session] : sessions_) {
        if (session.extended) rows.push_back(&session.row);
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

std::vector<std::pair<const StayKey*, const StayRow*>> LedgerBatch::changed_stays() const {
    std::vector<std::pair<const StayKey*, const StayRow*>> rows;
    for (const auto& [key, stay] : stays_) {
        if (stay.changed) rows.emplace_back(&key, &stay.row);
    }
    return rows;
}

std::vector<std::pair<const ParticipantKey*, UnixMicros>> LedgerBatch::new_bans() const {
    std::vector<std::pair<const ParticipantKey*, UnixMicros>> rows;
    for (const auto& [key, ban] : bans_) {
        if (ban.added) rows.emplace_back(&key, ban.since);
    }
    return rows;
}

std::vector<const ParticipantKey*> LedgerBatch::lifted_bans() const {
    std::vector<const ParticipantKey*> rows;
    for (const auto& [key, ban] : bans_) {
        if (ban.lifted) rows.push_back(&key);
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
