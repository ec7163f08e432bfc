// The lane's other transaction: new sessions. Who owns the subject, and is it free?
#include "db/columns.hpp"
#include "streams/ledger_lane.hpp"
#include "streams/ledger_rows.hpp"
#include "streams/ledger_sql.hpp"

#include <algorithm>
#include <set>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

// A room name says what it is of and when; the tail of the session's id keeps two within the same
// second apart.
std::string room_name(const Command& command, UnixMicros now) {
    const bool is_event = command.subject->kind == Subject::Kind::event;
    const std::string session = command.session.to_string();
    return std::string(is_event ? "event-" : "scene-") + command.subject->id.to_string() + "-" +
           std::to_string(now.value / 1'000'000) + "-" + session.substr(session.size() - 6);
}

bool same_subject(const Subject& a, const Subject& b) {
    return a.kind == b.kind && a.id == b.id;
}

}  // namespace

asio::awaitable<LedgerLane::Attempt> LedgerLane::attempt_creates(Tickets& tickets) {
    const UnixMicros now = now_micros();
    LedgerBatch batch(keys_, now);

    using Ticket = const LedgerTicket&;
    const auto subjects = db::column<Uuid>(tickets, [](Ticket t) { return t.command.subject->id; });
    const db::BooleanColumn is_event(
        tickets, [](Ticket t) { return t.command.subject->kind == Subject::Kind::event; });
    auto sessions = db::column<Uuid>(tickets, [](Ticket t) { return t.command.session; });
    for (const LedgerTicket& ticket : tickets) {
        if (ticket.command.earlier_session) sessions.push_back(*ticket.command.earlier_session);
    }
    db::Pipeline reads;
    db::Params owners;
    owners.uuid_array(subjects).boolean_array(is_event.span());
    db::Params ids;
    ids.uuid_array(sessions);
    reads.command("BEGIN");
    reads.add(ledger_sql::subjects, std::move(owners));
    reads.add(ledger_sql::lock_sessions_waiting, std::move(ids));
    std::vector<db::Rows> rows;
    auto error = co_await run_step("ledger_create_read", std::move(reads), rows);
    if (error) {
        auto verdict = co_await give_up(*error);
        co_return verdict;
    }
    struct Owner {
        std::string did;
        bool deleted;
        Uuid scene;
    };
    std::map<Uuid, Owner> owner_of;
    for (int row = 0; row < rows[1].size(); ++row) {
        Owner owner{std::string(rows[1].text(row, 1)), rows[1].boolean(row, 2),
                    rows[1].uuid(row, 3)};
        owner_of.insert_or_assign(rows[1].uuid(row, 0), std::move(owner));
    }
    std::map<Uuid, SessionRow> existing;
    for (int row = 0; row < rows[2].size(); ++row) {
        SessionRow session = read_session(rows[2], row);
        existing.insert_or_assign(session.id, std::move(session));
    }

    std::vector<Outcome> outcomes(tickets.size());
    std::vector<Uuid> claimed_subjects;
    std::vector<Uuid> claimed_sessions;
    for (std::size_t i = 0; i < tickets.size(); ++i) {
        const Command& command = tickets[i].command;
        Outcome& outcome = outcomes[i];
        auto session = existing.find(command.session);
        if (session == existing.end() && command.earlier_session) {
            session = existing.find(*command.earlier_session);
            // Used more than a day ago, the key is a new one.
            if (session != existing.end() &&
                session->second.started_at.value <= now.value - idempotency_lifetime_us) {
                session = existing.end();
            }
        }
        const auto owner = owner_of.find(command.subject->id);
        if (session != existing.end()) {
            // The id is derived from the Idempotency-Key: this is a retry, or a misuse of the key.
            const SessionRow& row = session->second;
            const bool same =
                row.host_did == command.caller_did && same_subject(row.subject, *command.subject);
            outcome.status = same ? Outcome::Status::replayed : Outcome::Status::key_reused;
            outcome.session = row.id;
            outcome.room_name = row.room_name;
            outcome.subject = row.subject;
            outcome.started_at = row.started_at;
            outcome.ended_at = row.ended_at;
        } else if (owner == owner_of.end()) {
            outcome.status = Outcome::Status::not_found;
        } else if (owner->second.did != command.caller_did) {
            outcome.status = Outcome::Status::forbidden;
        } else if (owner->second.deleted) {
            outcome.status = Outcome::Status::gone;
        } else {
            outcome.status = Outcome::Status::already_active;  // unless it wins the subject below
            const auto earlier =
                std::find(claimed_subjects.begin(), claimed_subjects.end(), command.subject->id);
            if (earlier != claimed_subjects.end()) continue;  // one claim per subject and batch
            claimed_subjects.push_back(command.subject->id);
            claimed_sessions.push_back(command.session);
        }
    }

    if (!claimed_sessions.empty()) {
        db::Pipeline claim;
        db::Params who;
        who.uuid_array(claimed_subjects).uuid_array(claimed_sessions);
        claim.add(ledger_sql::win_subjects, std::move(who));
        std::vector<db::Rows> won;
        error = co_await run_step("ledger_create_claim", std::move(claim), won);
        if (error) {
            auto verdict = co_await give_up(*error);
            co_return verdict;
        }
        std::set<Uuid> winners;
        for (int row = 0; row < won[0].size(); ++row)
            winners.insert(won[0].uuid(row, 0));
        for (std::size_t i = 0; i < tickets.size(); ++i) {
            const Command& command = tickets[i].command;
            if (winners.erase(command.session) == 0) continue;
            const std::optional<Uuid> scene = owner_of.at(command.subject->id).scene;
            outcomes[i] = batch.create(command, room_name(command, now), scene);
        }
    }
    auto verdict = co_await commit(batch, tickets, std::move(outcomes));
    co_return verdict;
}

}  // namespace subcults::api
