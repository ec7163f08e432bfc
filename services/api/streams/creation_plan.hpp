// Which of a batch's creates begin a session, without I/O: the rows that were read and the commands
// in order go in, claims for subjects and then an answer for each command come out.
//
// A claim is for a subject by a session; the database says which of them win. Of one batch, each
// subject and each session is claimed at most once. Commands must outlive the plan.
#pragma once

#include "streams/ledger_batch.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace subcults::api {

class CreationPlan {
  public:
    struct Owner {
        std::string did;
        bool deleted = false;
        Uuid scene;  // that hosts the stream
    };

    // `owners`: by subject. `existing`: the sessions that the commands' ids name, present or past.
    CreationPlan(std::map<Uuid, Owner> owners, std::map<Uuid, SessionRow> existing, UnixMicros now)
        : owners_(std::move(owners)), existing_(std::move(existing)), now_(now) {}

    void add(const Command& command);

    // In pairs.
    const std::vector<Uuid>& claimed_subjects() const noexcept { return subjects_; }
    const std::vector<Uuid>& claimed_sessions() const noexcept { return sessions_; }

    // Begins the sessions of the winning claims and answers all commands, in their order. Once.
    std::vector<Outcome> settle(LedgerBatch& batch, const std::set<Uuid>& winners);

  private:
    const SessionRow* first_use(const Command& command) const;
    Outcome first_answer(const Command& command, const SessionRow& row) const;

    std::map<Uuid, Owner> owners_;
    std::map<Uuid, SessionRow> existing_;
    UnixMicros now_;
    std::vector<const Command*> commands_;
    std::vector<Outcome> outcomes_;
    std::vector<Uuid> subjects_;
    std::vector<Uuid> sessions_;
    std::map<Uuid, std::size_t>
        claimants_;  // session to position of the command that claims with it
};

}  // namespace subcults::api
