#include "livekit/reconciler.hpp"

#include "db/columns.hpp"

#include <algorithm>
#include <limits>

namespace subcults::api::livekit {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds round_limit{10};
constexpr std::chrono::seconds round_command_limit{5};
constexpr std::size_t rooms_per_call = 200;
constexpr std::size_t commands_at_once = 256;
constexpr std::size_t sessions_per_page = 500;
constexpr std::size_t names_per_statement = 1000;
constexpr std::uint64_t rounds_per_sweep = 6;

// A page, beginning behind a session. Whether anybody was ever connected is asked by LATERAL and
// LIMIT 1, which the planner answers from the partial index, session by session; an EXISTS it may
// answer by reading all participants there are.
constexpr db::Statement active{
    "livekit_active_sessions",
    "SELECT s.id, s.room_name, s.active_count, c.ever IS NOT NULL, s.started_at"
    " FROM stream_sessions s LEFT JOIN LATERAL"
    " (SELECT true AS ever FROM stream_participants p"
    "   WHERE p.stream_session_id = s.id AND p.livekit_sid <> '' LIMIT 1) c ON true"
    " WHERE s.ended_at IS NULL AND (s.started_at, s.id) > ($1::timestamptz, $2::uuid)"
    " ORDER BY s.started_at, s.id LIMIT $3::bigint"};
// Those that LiveKit has told of, those that are there without, and those that must not be.
constexpr db::Statement known_connections{
    "livekit_known_connections",
    "SELECT p.participant_id, p.livekit_sid, coalesce(p.livekit_since, p.joined_at, now()),"
    " p.joined_at IS NOT NULL AND p.left_at IS NULL, b.participant_id IS NOT NULL,"
    " EXISTS (SELECT 1 FROM livekit_outbox o"
    "     WHERE o.room_name = $2::text AND o.participant_id = p.participant_id"
    "     AND o.action = 'remove_participant')"
    " FROM stream_participants p LEFT JOIN stream_bans b"
    "   ON b.stream_session_id = p.stream_session_id AND b.participant_id = p.participant_id"
    " WHERE p.stream_session_id = $1::uuid AND (p.livekit_sid <> ''"
    "   OR (p.joined_at IS NOT NULL AND p.left_at IS NULL) OR b.participant_id IS NOT NULL)"};
// By key, then by end: asked for both at once, the planner may walk an index of all ended sessions.
constexpr db::Statement rooms_of_ended{
    "livekit_rooms_of_ended",
    "SELECT n.name FROM unnest($1::text[]) AS n(name) CROSS JOIN LATERAL"
    " (SELECT r.session_id FROM stream_rooms r WHERE r.room_name = n.name LIMIT 1) r"
    " CROSS JOIN LATERAL (SELECT s.ended_at FROM stream_sessions s"
    "   WHERE s.id = r.session_id LIMIT 1) s WHERE s.ended_at IS NOT NULL"};
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
    run.fail(error_type(error), std::string("LiveKit: ").append(to_string(error.kind)));
}

}  // namespace

std::vector<db::Statement> Reconciler::statements() {
    return {
        active,       known_connections, rooms_of_ended, add_missing_closings, drop_seen_closings,
        count_pending};
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
    const Deadline deadline = deadline_in(round_limit);
    auto lease = co_await pool_.acquire(deadline);
    if (!lease) co_return lease.error();
    auto rows = co_await (*lease)->query(statement, std::move(params), deadline);
    if (!rows && rows.error().kind == db::ErrorKind::server) {
        log_.warn("reconciliation statement failed", {{"error", db::describe(rows.error())}});
    }
    co_return rows;
}

asio::awaitable<std::optional<std::vector<Reconciler::Session>>> Reconciler::active_sessions(
    jobs::Run& run, UnixMicros started, Uuid id) {
    db::Params params;
    params.timestamptz(started).uuid(id).int8(static_cast<std::int64_t>(sessions_per_page));
    auto rows = co_await ask(active, std::move(params));
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
        session.started_at = rows->timestamptz(row, 4);
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
        params.text_array(db::views(gone)).int8(empty_grace_.count());
        auto added = co_await ask(add_missing_closings, std::move(params));
        if (!added) {
            run.fail(added.error());
            co_return false;
        }
    }
    if (!there.empty()) {
        db::Params params;
        params.text_array(db::views(there));
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
    room.exists = listed >= 0;
    db::Params params;
    params.uuid(session.id).text(session.room_name);
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
        connection.banned = rows->boolean(row, 4);
        connection.removal_ordered = rows->boolean(row, 5);
        room.known.push_back(std::move(connection));
    }
    if (room.exists) {
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
            commands[i].deadline = deadline_in(round_command_limit);
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

asio::awaitable<bool> Reconciler::delete_leftovers(jobs::Run& run) {
    std::vector<std::string> all;
    auto listed = co_await rooms_.list_rooms(std::move(all));
    if (!listed) {
        fail(run, listed.error());
        co_return false;
    }
    for (std::size_t from = 0; from < listed->size(); from += names_per_statement) {
        const std::size_t to = std::min(from + names_per_statement, listed->size());
        std::vector<std::string_view> names;
        for (std::size_t i = from; i < to; ++i)
            names.push_back((*listed)[i].name);
        db::Params params;
        params.text_array(names);
        auto rows = co_await ask(rooms_of_ended, std::move(params));
        if (!rows) {
            run.fail(rows.error());
            co_return false;
        }
        for (int row = 0; row < rows->size(); ++row) {
            std::string name(rows->text(row, 0));
            auto deleted = co_await rooms_.delete_room(std::move(name));
            if (deleted) metrics_.repaired("room");
            if (!deleted && deleted.error().kind != CallError::Kind::not_found) {
                fail(run, deleted.error());
                co_return false;
            }
        }
    }
    co_return true;
}

asio::awaitable<bool> Reconciler::reconcile(jobs::Run& run, std::vector<Session> sessions) {
    std::vector<std::string> names;
    for (const Session& session : sessions)
        names.push_back(session.room_name);
    auto listed = co_await list_rooms(run, std::move(names));
    if (!listed) co_return false;

    std::vector<std::string> gone;
    std::vector<std::string> there;
    for (const Session& session : sessions) {
        if (listed->contains(session.room_name)) {
            there.push_back(session.room_name);
        } else if (session.connected_ever) {
            gone.push_back(session.room_name);
        }
    }
    const bool noted = co_await note_rooms(run, std::move(gone), std::move(there));
    if (!noted) co_return false;

    bool complete = true;
    for (Session& session : sessions) {
        const auto found = listed->find(session.room_name);
        const bool exists = found != listed->end();
        const std::int64_t count = exists ? found->second : -1;
        // Where nobody has ever been, only those that LiveKit lists could be news.
        const bool anybody =
            count > 0 || (session.active > 0 && (session.connected_ever || exists));
        if (!anybody) continue;
        const bool looked = co_await look_into(run, std::move(session), count);
        complete = complete && looked;
        if (!rooms_.worth_asking() || run.stopping()) co_return false;
    }
    co_return complete;
}

asio::awaitable<void> Reconciler::round(jobs::Run& run) {
    if (!rooms_.worth_asking()) {
        run.fail(jobs::ErrorType::network_error, "LiveKit: circuit_open");
        co_return;
    }
    // What fails on the way is told to the run.
    bool asked = rounds_ % rounds_per_sweep == 0;
    if (asked) co_await delete_leftovers(run);
    ++rounds_;

    rules_.begin_round();
    UnixMicros started{std::numeric_limits<std::int64_t>::min()};
    Uuid id;
    for (bool more = true; more;) {
        auto sessions = co_await active_sessions(run, started, id);
        if (!sessions) co_return;
        if (sessions->empty()) break;
        more = sessions->size() == sessions_per_page;
        started = sessions->back().started_at;
        id = sessions->back().id;
        asked = true;
        co_await reconcile(run, std::move(*sessions));
        if (!rooms_.worth_asking() || run.stopping()) co_return;
    }
    rules_.end_round();
    if (asked) co_return;
    // Nothing to repair; still find out whether LiveKit is there, for the readiness page.
    std::vector<std::string> none(1, "subcults-probe");
    auto probed = co_await rooms_.list_rooms(std::move(none));
    if (!probed) fail(run, probed.error());
}

asio::awaitable<void> Reconciler::measure() {
    auto rows = co_await ask(count_pending, db::Params());
    if (!rows || rows->empty()) co_return;
    metrics_.pending(static_cast<double>(rows->int8(0, 0)), static_cast<double>(rows->int8(0, 1)));
}

}  // namespace subcults::api::livekit
