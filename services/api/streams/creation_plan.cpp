#include "streams/creation_plan.hpp"

#include <algorithm>

namespace subcults::api {

using Status = Outcome::Status;

namespace {

// A room name says what it is of and when; the tail of the session's id keeps two within the same
// second apart.
std::string room_name(const Command& command, UnixMicros now) {
    const bool is_event = command.subject->kind == Subject::Kind::event;
    const std::string session = command.session.to_string();
    return std::string(is_event ? "event-" : "scene-") + command.subject->id.to_string() + "-" +
           std::to_string(now.value / 1'000'000) + "-" + session.substr(session.size() - 6);
}

bool same_request(const Command& command, const std::string& host, const Subject& subject) {
    return command.caller_did == host && command.subject->kind == subject.kind &&
           command.subject->id == subject.id;
}

}  // namespace

// The session that this Idempotency-Key began before, if its time is not over.
const SessionRow* CreationPlan::first_use(const Command& command) const {
    const auto same = existing_.find(command.session);
    if (same != existing_.end()) return &same->second;
    for (const Uuid& id : command.earlier_sessions) {
        const auto earlier = existing_.find(id);
        if (earlier == existing_.end()) continue;
        const SessionRow& row = earlier->second;
        if (row.started_at.value > now_.value - idempotency_lifetime_us) return &row;
    }
    return nullptr;
}

// The id is derived from the Idempotency-Key: this is a retry, or a misuse of the key.
Outcome CreationPlan::first_answer(const Command& command, const SessionRow& row) const {
    Outcome outcome;
    outcome.status =
        same_request(command, row.host_did, row.subject) ? Status::replayed : Status::key_reused;
    outcome.session = row.id;
    outcome.room_name = row.room_name;
    outcome.subject = row.subject;
    outcome.started_at = row.started_at;
    outcome.ended_at = row.ended_at;
    return outcome;
}

void CreationPlan::add(const Command& command) {
    commands_.push_back(&command);
    Outcome& outcome = outcomes_.emplace_back();
    const auto owner = owners_.find(command.subject->id);
    if (const SessionRow* row = first_use(command)) {
        outcome = first_answer(command, *row);
    } else if (const auto first = claimants_.find(command.session); first != claimants_.end()) {
        // The same key twice in one batch: what the first becomes is settled later.
        const Command& claimant = *commands_[first->second];
        const bool same = same_request(command, claimant.caller_did, *claimant.subject);
        outcome.status = same ? Status::already_active : Status::key_reused;
    } else if (owner == owners_.end()) {
        outcome.status = Status::not_found;
    } else if (owner->second.did != command.caller_did) {
        outcome.status = Status::forbidden;
    } else if (owner->second.deleted) {
        outcome.status = Status::gone;
    } else {
        outcome.status = Status::already_active;  // unless it wins the subject
        const Uuid& subject = command.subject->id;
        if (std::find(subjects_.begin(), subjects_.end(), subject) != subjects_.end()) return;
        subjects_.push_back(subject);
        sessions_.push_back(command.session);
        claimants_.emplace(command.session, commands_.size() - 1);
    }
}

std::vector<Outcome> CreationPlan::settle(LedgerBatch& batch, const std::set<Uuid>& winners) {
    for (const Uuid& session : winners) {
        const auto claimant = claimants_.find(session);
        if (claimant == claimants_.end()) continue;
        const Command& command = *commands_[claimant->second];
        outcomes_[claimant->second] =
            batch.create(command, room_name(command, now_), owners_.at(command.subject->id).scene);
    }
    for (std::size_t i = 0; i < commands_.size(); ++i) {
        const auto claimant = claimants_.find(commands_[i]->session);
        if (claimant == claimants_.end() || claimant->second == i) continue;
        const Outcome& first = outcomes_[claimant->second];
        if (outcomes_[i].status != Status::already_active || !first.succeeded()) continue;
        outcomes_[i] = first;
        outcomes_[i].status = Status::replayed;
    }
    return std::move(outcomes_);
}

}  // namespace subcults::api
