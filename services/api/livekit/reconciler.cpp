#include "livekit/reconciler.hpp"

#include <algorithm>

namespace subcults::api::livekit {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds statement_limit{10};
constexpr std::chrono::seconds command_limit{5};
constexpr std::size_t rooms_per_call = 200;
constexpr std::size_t commands_at_once = 256;

constexpr db::Statement active{
    "livekit_active_sessions",
    "SELECT s.id, s.room_name, s.active_count, EXISTS (SELECT 1 FROM stream_participants p"
    "     WHERE p.stream_session_id = s.id AND p.livekit_sid <> '')"
    " FROM stream_sessions s WHERE s.ended_at IS NULL"
    " ORDER BY s.started_at DESC, s.id DESC LIMIT 10000"};
constexpr db::Statement known_connections{
    "livekit_known_connections",
    "SELECT participant_id, livekit_sid, coalesce(livekit_since, joined_at, now()),"
    " joined_at IS NOT NULL AND left_at IS NULL FROM stream_participants"
    " WHERE stream_session_id = $1::uuid AND livekit_sid <> ''"};
constexpr db::Statement add_missing_closings{
    "livekit_closings_add_missing",
    "INSERT INTO livekit_closings (room_name, due_at)"
    " SELECT room, now() + $2::bigint * interval '1 second' FROM unnest($1::text[]) AS room"
    " ON CONFLICT (room_name) DO NOTHING"};
constexpr db::Statement drop_seen_closings{
    "livekit_closings_drop_seen", "DELETE FROM livekit_closings WHERE room_name = ANY($1::text[])"};
constexpr db::Statement count_pending{
    "livekit_count_pending",
    "SELECT (SELECT count(*) FROM livekit_outbox),"
    " (SELECT count(*) FROM livekit_inbox WHERE processed_at IS NULL)"};

// A circuit that is open stands for a LiveKit that could not be reached.
jobs::ErrorType error_type(const CallError& error) {
    switch (error.kind) {
        case CallError::Kind::not_found:
            return jobs::ErrorType::not_found;
        case CallError::Kind::unauthenticated:
            return jobs::ErrorType::permission_denied;
        case CallError::Kind::refused:
        case CallError::Kind::unreadable:
            return jobs::ErrorType::validation_error;
        case CallError::Kind::unavailable:
        case CallError::Kind::timeout:
        case CallError::Kind::connection:
        case CallError::Kind::circuit_open:
        case CallError::Kind::cancelled:
            break;
    }
    return jobs::ErrorType::network_error;
}

void fail(jobs::Run& run, const CallError& error) {
    run.fail(error_type(error), "LiveKit: " + std::string(to_string(error.kind)));
}

std::vector<std::string_view> views(const std::vector<std::string>& texts) {
    return {texts.begin(), texts.end()};
}

}  // namespace

std::vector<db::Statement> Reconciler::statements() {
    return {active, known_connections, add_missing_closings, drop_seen_closings, count_pending};
}

Reconciler::Reconciler(db::Pool& pool, LedgerDesk& desk, RoomService& rooms,
                       LiveKitMetrics& metrics, std::chrono::seconds empty_grace, Log& log)
    : pool_(pool),
      desk_(desk),
      rooms_(rooms),
      metrics_(metrics),
      empty_grace_(empty_grace),
      log_(log) {}

asio::awaitable<db::DbResult<db::Rows>> Reconciler::ask(db::Statement statement,
                                                        db::Params params) {
    const Deadline deadline = deadline_in(statement_limit);
    auto lease = co_await pool_.acquire(deadline);
    if (!lease) co_return lease.error();
    auto rows = co_await (*lease)->query(statement, std::move(params), deadline);
    if (!rows && rows.error().kind == db::ErrorKind::server) {
        log_.warn("reconciliation statement failed", {{"error", db::describe(rows.error())}});
    }
    co_return rows;
}

asio::awaitable<std::optional<std::vector<Reconciler::Session>>> Reconciler::active_sessions(
    jobs::Run& run) {
    auto rows = co_await ask(active, db::Params());
    if (!rows) {
        run.fail(rows.error());
        co_return std::nullopt;
    }
    std::vector<Session> sessions;
    for (int row = 0; row < rows->size(); ++row) {
        Session session;
        session.id = rows->uuid(row, 0);
        session.room_name = rows->text(row, 1);
        session.active = rows->int8(row, 2);
        session.connected_ever = rows->boolean(row, 3);
        sessions.push_back(std::move(session));
    }
    co_return sessions;
}

asio::awaitable<std::optional<Reconciler::Listed>> Reconciler::list_rooms(
    jobs::Run& run, std::vector<std::string> names) {
    Listed listed;
    for (std::size_t from = 0; from < names.size(); from += rooms_per_call) {
        const std::size_t to = std::min(from + rooms_per_call, names.size());
        std::vector<std::string> some(names.begin() + static_cast<std::ptrdiff_t>(from),
                                      names.begin() + static_cast<std::ptrdiff_t>(to));
        auto rooms = co_await rooms_.list_rooms(std::move(some));
        if (!rooms) {
            fail(run, rooms.error());
            co_return std::nullopt;
        }
        for (Room& room : *rooms)
            listed.insert_or_assign(std::move(room.name), room.participants);
    }
    co_return listed;
}

asio::awaitable<bool> Reconciler::note_rooms(jobs::Run& run, std::vector<std::string> gone,
                                             std::vector<std::string> there) {
    if (!gone.empty()) {
        db::Params params;
        params.text_array(views(gone)).int8(empty_grace_.count());
        auto added = co_await ask(add_missing_closings, std::move(params));
        if (!added) {
            run.fail(added.error());
            co_return false;
        }
    }
    if (!there.empty()) {
        db::Params params;
        params.text_array(views(there));
        auto dropped = co_await ask(drop_seen_closings, std::move(params));
        if (!dropped) {
            run.fail(dropped.error());
            co_return false;
        }
    }
    co_return true;
}

asio::awaitable<bool> Reconciler::look_into(jobs::Run& run, Session session, std::int64_t listed) {
    RoomSnapshot room;
    room.session = session.id;
    db::Params params;
    params.uuid(session.id);
    auto rows = co_await ask(known_connections, std::move(params));
    if (!rows) {
        run.fail(rows.error());
        co_return false;
    }
    for (int row = 0; row < rows->size(); ++row) {
        KnownConnection connection;
        connection.participant_id = rows->text(row, 0);
        connection.sid = rows->text(row, 1);
        connection.since = rows->timestamptz(row, 2);
        connection.present = rows->boolean(row, 3);
        room.known.push_back(std::move(connection));
    }
    if (listed >= 0) {
        auto participants = co_await rooms_.list_participants(session.room_name);
        if (!participants) {
            fail(run, participants.error());
            co_return false;
        }
        // An unknown room lists nobody. Where the list of rooms said otherwise, one of the two is
        // out of date: next time.
        if (participants->empty() && listed > 0) co_return true;
        room.listed = std::move(*participants);
    }
    std::vector<Command> commands = rules_.repairs(room, now_micros());
    const bool repaired = co_await repair(run, std::move(commands));
    co_return repaired;
}

asio::awaitable<bool> Reconciler::repair(jobs::Run& run, std::vector<Command> commands) {
    bool complete = true;
    for (std::size_t from = 0; from < commands.size(); from += commands_at_once) {
        const std::size_t to = std::min(from + commands_at_once, commands.size());
        std::vector<Command> some;
        std::vector<bool> joins;
        for (std::size_t i = from; i < to; ++i) {
            commands[i].deadline = deadline_in(command_limit);
            joins.push_back(commands[i].presence->kind == Presence::Kind::joined);
            some.push_back(std::move(commands[i]));
        }
        auto outcomes = co_await desk_.submit_all(std::move(some));
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            const Outcome::Status status = outcomes[i].status;
            if (status == Outcome::Status::applied) {
                metrics_.repaired(joins[i] ? "joined" : "left");
            }
            const bool lost = status == Outcome::Status::unavailable ||
                              status == Outcome::Status::outcome_unknown ||
                              status == Outcome::Status::failed;
            complete = complete && !lost;
        }
    }
    if (!complete) run.fail(jobs::ErrorType::database_error, "the ledger refused a repair");
    co_return complete;
}

asio::awaitable<void> Reconciler::round(jobs::Run& run) {
    if (!rooms_.worth_asking()) {
        run.fail(jobs::ErrorType::network_error, "LiveKit: circuit_open");
        co_return;
    }
    auto sessions = co_await active_sessions(run);
    if (!sessions) co_return;
    if (sessions->empty()) {
        // Nothing to repair; still find out whether LiveKit is there, for the readiness page.
        std::vector<std::string> none(1, "subcults-probe");
        auto probed = co_await rooms_.list_rooms(std::move(none));
        if (!probed) fail(run, probed.error());
        co_return;
    }
    std::vector<std::string> names;
    for (const Session& session : *sessions)
        names.push_back(session.room_name);
    auto listed = co_await list_rooms(run, std::move(names));
    if (!listed) co_return;

    std::vector<std::string> gone;
    std::vector<std::string> there;
    for (const Session& session : *sessions) {
        if (listed->contains(session.room_name)) {
            there.push_back(session.room_name);
        } else if (session.connected_ever) {
            gone.push_back(session.room_name);
        }
    }
    const bool noted = co_await note_rooms(run, std::move(gone), std::move(there));
    if (!noted) co_return;

    rules_.begin_round();
    for (Session& session : *sessions) {
        const auto found = listed->find(session.room_name);
        const std::int64_t count = found == listed->end() ? -1 : found->second;
        const bool anybody = count > 0 || (session.active > 0 && session.connected_ever);
        if (!anybody) continue;
        co_await look_into(run, std::move(session), count);
        // What has failed was told to the run.
        if (!rooms_.worth_asking() || run.stopping()) co_return;
    }
    rules_.end_round();
}

asio::awaitable<void> Reconciler::measure() {
    auto rows = co_await ask(count_pending, db::Params());
    if (!rows || rows->empty()) co_return;
    metrics_.pending(static_cast<double>(rows->int8(0, 0)), static_cast<double>(rows->int8(0, 1)));
}

}  // namespace subcults::api::livekit
