// The lane's transactions: lock and read, decide, write and commit; and finding out what became of
// a commit whose answer was lost.
#include "base/crash_point.hpp"
#include "db/columns.hpp"
#include "streams/ledger_lane.hpp"
#include "streams/ledger_rows.hpp"
#include "streams/ledger_sql.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <set>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

std::vector<Uuid> distinct_sessions(const std::vector<LedgerTicket>& tickets) {
    std::set<Uuid> ids;
    for (const LedgerTicket& ticket : tickets)
        ids.insert(ticket.command.session);
    return {ids.begin(), ids.end()};
}

db::Params participant_params(const std::vector<LedgerTicket>& tickets) {
    std::set<std::pair<Uuid, std::string_view>> keys;
    for (const LedgerTicket& ticket : tickets) {
        const Command& command = ticket.command;
        if (!command.participant_id.empty()) keys.emplace(command.session, command.participant_id);
        if (!command.target.empty()) keys.emplace(command.session, command.target);
    }
    std::vector<Uuid> sessions;
    std::vector<std::string_view> participants;
    for (const auto& [session, participant] : keys) {
        sessions.push_back(session);
        participants.push_back(participant);
    }
    db::Params params;
    params.uuid_array(sessions).text_array(participants);
    return params;
}

// The stays that LiveKit's news are about.
std::optional<db::Params> stay_params(const std::vector<LedgerTicket>& tickets) {
    std::vector<Uuid> sessions;
    std::vector<std::string_view> participants;
    std::vector<std::string_view> stays;
    for (const LedgerTicket& ticket : tickets) {
        const Command& command = ticket.command;
        if (command.kind != CommandKind::presence || command.presence->sid.empty()) continue;
        sessions.push_back(command.session);
        participants.push_back(command.participant_id);
        stays.push_back(command.presence->sid);
    }
    if (sessions.empty()) return std::nullopt;
    db::Params params;
    params.uuid_array(sessions).text_array(participants).text_array(stays);
    return params;
}

// Sessions whose first track has come.
std::optional<db::Params> track_params(const std::vector<LedgerTicket>& tickets) {
    std::set<Uuid> sessions;
    for (const LedgerTicket& ticket : tickets) {
        if (ticket.command.kind == CommandKind::first_track)
            sessions.insert(ticket.command.session);
    }
    if (sessions.empty()) return std::nullopt;
    const std::vector<Uuid> ids(sessions.begin(), sessions.end());
    db::Params params;
    params.uuid_array(ids);
    return params;
}

std::optional<db::Params> key_params(const std::vector<LedgerTicket>& tickets) {
    std::vector<Uuid> sessions;
    std::vector<std::string_view> keys;
    for (const LedgerTicket& ticket : tickets) {
        const Command& command = ticket.command;
        if (!command.idempotency) continue;
        sessions.push_back(command.session);
        keys.push_back(as_view(command.idempotency->key));
        for (const IdempotencyKey& earlier : command.earlier_keys) {
            sessions.push_back(command.session);
            keys.push_back(as_view(earlier.key));
        }
    }
    if (keys.empty()) return std::nullopt;
    db::Params params;
    params.uuid_array(sessions).bytea_array(keys);
    return params;
}

std::vector<Uuid> missing(const std::vector<Uuid>& wanted, const std::set<Uuid>& found) {
    std::vector<Uuid> rest;
    std::copy_if(wanted.begin(), wanted.end(), std::back_inserter(rest),
                 [&found](const Uuid& id) { return !found.contains(id); });
    return rest;
}

}  // namespace

asio::awaitable<std::unique_ptr<db::Error>> LedgerLane::run_step(std::string_view name,
                                                                 db::Pipeline pipeline,
                                                                 std::vector<db::Rows>& rows) {
    auto deadline = statement_deadline();
    auto result = co_await connection_.run(name, std::move(pipeline), deadline);
    if (!result) co_return std::make_unique<db::Error>(std::move(result).error());
    if (!result->ok()) co_return std::move(result->error);
    rows = std::move(result->rows);
    co_return nullptr;
}

asio::awaitable<void> LedgerLane::rollback() {
    if (!connection_.connected()) co_return;
    auto deadline = statement_deadline();
    auto result = co_await connection_.execute("ROLLBACK", deadline);
    if (!result) connection_.close();
}

// Nothing of the transaction can have happened: clean up and say what to do next.
asio::awaitable<LedgerLane::Attempt> LedgerLane::give_up(const db::Error& error) {
    // A session id that is there already was inserted by an attempt whose answer was lost: the
    // next one finds it.
    const bool inserted_before =
        error.sqlstate == "23505" && error.statement == ledger_sql::insert_sessions.name;
    const bool passing =
        error.transient() || error.kind != db::ErrorKind::server || inserted_before;
    if (!passing) {
        log_.error("ledger transaction refused by the database", {{"sqlstate", error.sqlstate},
                                                                  {"statement", error.statement},
                                                                  {"error", error.message}});
    }
    co_await rollback();
    co_return passing ? Attempt::retry : Attempt::rejected;
}

void LedgerLane::put_back(Tickets& tickets, const std::vector<Uuid>& skipped) {
    if (skipped.empty()) return;
    const std::set<Uuid> busy(skipped.begin(), skipped.end());
    Tickets kept;
    Tickets back;
    for (LedgerTicket& ticket : tickets) {
        if (busy.contains(ticket.command.session)) {
            ++ticket.skips;
            back.push_back(std::move(ticket));
        } else {
            kept.push_back(std::move(ticket));
        }
    }
    queue_.insert(queue_.begin(), std::make_move_iterator(back.begin()),
                  std::make_move_iterator(back.end()));
    tickets = std::move(kept);
}

// While a new privacy key is rolled out, another replica may have it already: it is asked next.
void LedgerLane::refuse_unreadable(Tickets& tickets, const std::set<Uuid>& unreadable) {
    if (unreadable.empty()) return;
    if (SteadyClock::now() > quiet_until_) {
        quiet_until_ = deadline_in(std::chrono::seconds(10));
        log_.error("a session was made with a privacy key that is not configured");
    }
    Tickets kept;
    for (LedgerTicket& ticket : tickets) {
        if (unreadable.contains(ticket.command.session)) {
            answer(std::move(ticket), Outcome::Status::unavailable);
        } else {
            kept.push_back(std::move(ticket));
        }
    }
    tickets = std::move(kept);
}

asio::awaitable<LedgerLane::Attempt> LedgerLane::attempt(Tickets& tickets, bool waiting) {
    crash_point("ledger.batch_begun");
    const UnixMicros now = now_micros();
    const std::vector<Uuid> wanted = distinct_sessions(tickets);
    LedgerBatch batch(keys_, now, &denials_, options_.livekit);

    db::Pipeline reads;
    db::Params ids;
    ids.uuid_array(wanted);
    reads.command("BEGIN");
    reads.add(waiting ? ledger_sql::lock_sessions_waiting : ledger_sql::lock_sessions,
              std::move(ids));
    reads.add(ledger_sql::participants, participant_params(tickets));
    auto keys = key_params(tickets);
    if (keys) reads.add(ledger_sql::idempotency_keys, std::move(*keys));
    auto stays = stay_params(tickets);
    if (stays) reads.add(ledger_sql::stays, std::move(*stays));
    auto tracks = track_params(tickets);
    if (tracks) reads.add(ledger_sql::waiting_participants, std::move(*tracks));
    std::vector<db::Rows> rows;
    auto error = co_await run_step("ledger_read", std::move(reads), rows);
    if (error) {
        auto verdict = co_await give_up(*error);
        co_return verdict;
    }

    crash_point("ledger.rows_read");

    std::set<Uuid> locked;
    std::set<Uuid> unreadable;
    bool other_keys = false;
    for (int row = 0; row < rows[1].size(); ++row) {
        SessionRow session = read_session(rows[1], row);
        locked.insert(session.id);
        if (!keys_.knows(session.kid)) {
            unreadable.insert(session.id);
            continue;
        }
        if (session.kid != keys_.current_kid()) {
            other_keys = true;
            for (LedgerTicket& ticket : tickets) {
                Command& command = ticket.command;
                if (command.session != session.id || command.participant_id.empty()) continue;
                if (command.caller_did.empty()) continue;  // LiveKit knows the right one
                command.participant_id =
                    keys_.participant_id(session.kid, session.id, command.caller_did);
            }
        }
        batch.load(std::move(session));
    }
    refuse_unreadable(tickets, unreadable);
    if (tickets.empty()) {
        co_await rollback();
        co_return Attempt::finished;
    }
    if (other_keys) {
        // Participants of sessions from before a key rotation go by their session's key.
        db::Pipeline again;
        again.add(ledger_sql::participants, participant_params(tickets));
        std::vector<db::Rows> found;
        error = co_await run_step("ledger_read", std::move(again), found);
        if (error) {
            auto verdict = co_await give_up(*error);
            co_return verdict;
        }
        load_participants(batch, found[0]);
    } else {
        load_participants(batch, rows[2]);
    }
    std::size_t next = 3;
    if (keys) load_idempotency(batch, rows[next++]);
    if (stays) load_stays(batch, rows[next++]);
    if (tracks) load_participants(batch, rows[next++]);

    std::vector<Uuid> absent = missing(wanted, locked);
    if (!absent.empty() && !waiting) {
        // Not locked: either there is no such session, or another replica holds it.
        db::Pipeline look;
        db::Params which;
        which.uuid_array(absent);
        look.add(ledger_sql::existing_sessions, std::move(which));
        std::vector<db::Rows> found;
        error = co_await run_step("ledger_existing", std::move(look), found);
        if (error) {
            auto verdict = co_await give_up(*error);
            co_return verdict;
        }
        std::vector<Uuid> busy;
        for (int row = 0; row < found[0].size(); ++row)
            busy.push_back(found[0].uuid(row, 0));
        put_back(tickets, busy);
        if (tickets.empty()) {
            co_await rollback();
            co_await pause(std::chrono::milliseconds(1));
            co_return Attempt::finished;
        }
    }

    std::vector<Outcome> outcomes;
    outcomes.reserve(tickets.size());
    for (const LedgerTicket& ticket : tickets)
        outcomes.push_back(batch.apply(ticket.command));
    auto verdict = co_await commit(batch, tickets, std::move(outcomes));
    co_return verdict;
}

asio::awaitable<LedgerLane::Attempt> LedgerLane::commit(const LedgerBatch& batch, Tickets& tickets,
                                                        std::vector<Outcome> outcomes) {
    db::Pipeline pipeline;
    add_writes(pipeline, batch);
    pipeline.command("COMMIT");
    crash_point("ledger.decided");
    // Runs when the next statement has handed everything to the kernel and waits for the answer.
    asio::post(executor_, [] { crash_point("ledger.sent"); });
    const auto begun = SteadyClock::now();
    auto deadline = statement_deadline();
    auto result = co_await connection_.run("ledger_commit", std::move(pipeline), deadline);

    std::optional<db::Error> error;
    if (!result) {
        error = result.error();
    } else if (!result->ok()) {
        error = *result->error;
    }
    if (!error && result->rows.back().command() != "COMMIT") {
        // COMMIT of an aborted transaction succeeds in rolling back.
        log_.error("ledger commit was rolled back");
        co_return Attempt::rejected;
    }
    if (error) {
        const bool harmless = error->certainly_not_applied() &&
                              (error->kind != db::ErrorKind::server || connection_.connected());
        // What extends no chain (LiveKit's news) leaves no receipt, and may be done twice.
        const auto extended = batch.extended_sessions();
        if (harmless || extended.empty()) {
            auto verdict = co_await give_up(*error);
            co_return verdict;
        }
        log_.warn("ledger lost its connection during COMMIT", {{"error", error->message}});
        doubtful_heads_.clear();
        const auto created = batch.created_sessions();
        for (const SessionRow* row : extended) {
            Head head;
            if (std::find(created.begin(), created.end(), row) != created.end()) {
                head.claimed = row->subject.id;
            }
            head.session = row->id;
            head.seq = row->head_seq;
            head.hash = row->head_hash;
            doubtful_heads_.push_back(std::move(head));
        }
        doubtful_outcomes_ = std::move(outcomes);
        doubtful_effects_ = batch.effects();
        doubtful_at_ = batch.now();
        connection_.close();
        crash_point("ledger.commit_lost");
        co_return Attempt::unknown;
    }

    crash_point("ledger.committed");
    backoff_.reset();
    const LedgerMetrics& metrics = answers_.metrics();
    metrics.batches.increment();
    metrics.batch_commands.observe(static_cast<double>(tickets.size()));
    metrics.commit_seconds.observe(
        std::chrono::duration<double>(SteadyClock::now() - begun).count());
    happened(batch.effects(), batch.now());
    tell_changed(tickets, outcomes);
    for (std::size_t i = 0; i < tickets.size(); ++i) {
        answers_.add(std::move(tickets[i]), std::move(outcomes[i]));
    }
    co_return Attempt::finished;
}

// Only here, with the commit behind us, does anything count.
void LedgerLane::happened(const LedgerEffects& effects, UnixMicros at) {
    answers_.metrics().count(effects);
    for (const Denial& denial : effects.denials)
        denials_.remember(denial, at);
}

// Not of what nobody is shown of a session. News of LiveKit that changed nothing counts as well: it
// may be the second try of a commit whose answer was lost, and that one changed something.
void LedgerLane::tell_changed(const Tickets& tickets, const std::vector<Outcome>& outcomes) const {
    if (!options_.on_changed) return;
    std::set<Uuid> changed;
    for (std::size_t i = 0; i < tickets.size(); ++i) {
        const CommandKind kind = tickets[i].command.kind;
        const bool shown = kind != CommandKind::token && kind != CommandKind::mute &&
                           kind != CommandKind::unkick && kind != CommandKind::first_track;
        const Outcome::Status status = outcomes[i].status;
        const bool told = status == Outcome::Status::applied ||
                          (kind == CommandKind::presence && status == Outcome::Status::replayed);
        if (shown && told) {
            changed.insert(tickets[i].command.session);
        }
    }
    if (changed.empty()) return;
    const std::vector<Uuid> sessions(changed.begin(), changed.end());
    options_.on_changed(sessions);
}

// The audit rows are the receipt of the commit. Locking the sessions first waits for a backend that
// may still be committing on the dead connection's behalf; a new session has no row to be seen yet,
// so its subject is claimed once more instead, which that backend has done before us.
asio::awaitable<std::optional<bool>> LedgerLane::resolve(std::vector<Head> heads,
                                                         Deadline deadline) {
    std::sort(heads.begin(), heads.end(),
              [](const Head& a, const Head& b) { return a.session < b.session; });
    std::vector<Uuid> ids;
    std::vector<std::int64_t> seqs;
    std::vector<Uuid> subjects;
    std::vector<Uuid> claimants;
    for (const Head& head : heads) {
        ids.push_back(head.session);
        seqs.push_back(head.seq);
        if (!head.claimed) continue;
        subjects.push_back(*head.claimed);
        claimants.push_back(head.session);
    }
    while (SteadyClock::now() < deadline) {
        const bool connected = co_await ensure_connected();
        if (connected) {
            crash_point("ledger.resolving");
            db::Pipeline look;
            db::Params lock;
            lock.uuid_array(ids);
            db::Params which;
            which.uuid_array(ids).int8_array(seqs);
            look.command("BEGIN");
            if (!subjects.empty()) {
                db::Params claim;
                claim.uuid_array(subjects).uuid_array(claimants);
                look.add(ledger_sql::win_subjects, std::move(claim));
            }
            look.add(ledger_sql::lock_sessions_waiting, std::move(lock));
            look.add(ledger_sql::audit_heads, std::move(which));
            look.command("ROLLBACK");
            std::vector<db::Rows> rows;
            auto error = co_await run_step("ledger_resolve", std::move(look), rows);
            if (!error) {
                crash_point("ledger.resolved");
                const db::Rows& written = rows[subjects.empty() ? 2 : 3];
                std::set<std::string> found;
                for (int row = 0; row < written.size(); ++row) {
                    found.emplace(written.bytea(row, 0));
                }
                co_return std::all_of(heads.begin(), heads.end(), [&found](const Head& head) {
                    return found.contains(head.hash);
                });
            }
            co_await rollback();
        }
        const auto delay = backoff_.next();
        co_await pause(delay);
    }
    co_return std::nullopt;
}

}  // namespace subcults::api
