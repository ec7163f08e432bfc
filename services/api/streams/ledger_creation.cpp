// The lane's other transaction: new sessions. Who owns the subject, and is it free?
#include "db/columns.hpp"
#include "streams/creation_plan.hpp"
#include "streams/ledger_lane.hpp"
#include "streams/ledger_rows.hpp"
#include "streams/ledger_sql.hpp"

#include <map>
#include <set>

namespace subcults::api {

namespace asio = boost::asio;

asio::awaitable<LedgerLane::Attempt> LedgerLane::attempt_creates(Tickets& tickets) {
    const UnixMicros now = now_micros();
    LedgerBatch batch(keys_, now);

    using Ticket = const LedgerTicket&;
    const auto subjects = db::column<Uuid>(tickets, [](Ticket t) { return t.command.subject->id; });
    const db::BooleanColumn is_event(
        tickets, [](Ticket t) { return t.command.subject->kind == Subject::Kind::event; });
    auto sessions = db::column<Uuid>(tickets, [](Ticket t) { return t.command.session; });
    for (const LedgerTicket& ticket : tickets) {
        const auto& earlier = ticket.command.earlier_sessions;
        sessions.insert(sessions.end(), earlier.begin(), earlier.end());
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
    std::map<Uuid, CreationPlan::Owner> owner_of;
    for (int row = 0; row < rows[1].size(); ++row) {
        CreationPlan::Owner owner;
        owner.did = rows[1].text(row, 1);
        owner.deleted = rows[1].boolean(row, 2);
        owner.scene = rows[1].uuid(row, 3);
        owner_of.insert_or_assign(rows[1].uuid(row, 0), std::move(owner));
    }
    std::map<Uuid, SessionRow> existing;
    for (int row = 0; row < rows[2].size(); ++row) {
        SessionRow session = read_session(rows[2], row);
        existing.insert_or_assign(session.id, std::move(session));
    }
    CreationPlan plan(std::move(owner_of), std::move(existing), now);
    for (const LedgerTicket& ticket : tickets)
        plan.add(ticket.command);

    std::set<Uuid> winners;
    if (!plan.claimed_subjects().empty()) {
        db::Pipeline claim;
        db::Params who;
        who.uuid_array(plan.claimed_subjects()).uuid_array(plan.claimed_sessions());
        claim.add(ledger_sql::win_subjects, std::move(who));
        std::vector<db::Rows> won;
        error = co_await run_step("ledger_create_claim", std::move(claim), won);
        if (error) {
            auto verdict = co_await give_up(*error);
            co_return verdict;
        }
        for (int row = 0; row < won[0].size(); ++row)
            winners.insert(won[0].uuid(row, 0));
    }
    std::vector<Outcome> outcomes = plan.settle(batch, winners);
    auto verdict = co_await commit(batch, tickets, std::move(outcomes));
    co_return verdict;
}

}  // namespace subcults::api
