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

asio::awaitable<db::DbResult<db::Rows>> Reconciler::run(db::Statement statement,
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

asio::awaitable<std::optional<std::vector<Reconciler::Session>>> Reconciler::active_sessions() {
    auto rows = co_await run(active, db::Params());
    if (!rows) co_return std::nullopt;
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
    std::vector<std::string> names) {
    Listed listed;
    for (std::size_t from = 0; from < names.size(); from += rooms_per_call) {
        const std::size_t to = std::min(from + rooms_per_call, names.size());
        std::vector<std::string> some(names.begin() + static_cast<std::ptrdiff_t>(from),
                                      names.begin() + static_cast<std::ptrdiff_t>(to));
        auto rooms = co_await rooms_.list_rooms(std::move(some));
        if (!rooms) co_return std::nullopt;
        for (Room& room : *rooms)
            listed.insert_or_assign(std::move(room.name), room.participants);
    }
    co_return listed;
}

asio::awaitable<bool> Reconciler::note_rooms(std::vector<std::string> gone,
                                             std::vector<std::string> there) {
    if (!gone.empty()) {
        db::Params params;
        params.text_array(views(gone)).int8(empty_grace_.count());
        auto added = co_await run(add_missing_closings, std::move(params));
        if (!added) co_return false;
    }
    if (!there.empty()) {
        db::Params params;
        params.text_array(views(there));
        auto dropped = co_await run(drop_seen_closings, std::move(params));
        if (!dropped) co_return false;
    }
    co_return true;
}

asio::awaitable<bool> Reconciler::look_into(Session session, std::int64_t listed) {
    RoomSnapshot room;
    room.session = session.id;
    db::Params params;
    params.uuid(session.id);
    auto rows = co_await run(known_connections, std::move(params));
    if (!rows) co_return false;
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
        if (!participants) co_return false;
        // An unknown room lists nobody. Where the list of rooms said otherwise, one of the two is
        // out of date: next time.
        if (participants->empty() && listed > 0) co_return true;
        room.listed = std::move(*participants);
    }
    std::vector<Command> commands = rules_.repairs(room, now_micros());
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
            if (outcomes[i].status == Outcome::Status::applied) {
                metrics_.repaired(joins[i] ? "joined" : "left");
            }
        }
    }
    co_return true;
}

asio::awaitable<bool> Reconciler::round() {
    if (!rooms_.worth_asking()) co_return false;
    auto sessions = co_await active_sessions();
    if (!sessions) co_return false;
    if (sessions->empty()) {
        // Nothing to repair; still find out whether LiveKit is there, for the readiness page.
        std::vector<std::string> none(1, "subcults-probe");
        auto probed = co_await rooms_.list_rooms(std::move(none));
        co_return probed.has_value();
    }
    std::vector<std::string> names;
    for (const Session& session : *sessions)
        names.push_back(session.room_name);
    auto listed = co_await list_rooms(std::move(names));
    if (!listed) co_return false;

    std::vector<std::string> gone;
    std::vector<std::string> there;
    for (const Session& session : *sessions) {
        if (listed->contains(session.room_name)) {
            there.push_back(session.room_name);
        } else if (session.connected_ever) {
            gone.push_back(session.room_name);
        }
    }
    const bool noted = co_await note_rooms(std::move(gone), std::move(there));
    if (!noted) co_return false;

    rules_.begin_round();
    bool complete = true;
    for (Session& session : *sessions) {
        const auto found = listed->find(session.room_name);
        const std::int64_t count = found == listed->end() ? -1 : found->second;
        const bool anybody = count > 0 || (session.active > 0 && session.connected_ever);
        if (!anybody) continue;
        const bool looked = co_await look_into(std::move(session), count);
        complete = complete && looked;
        if (!rooms_.worth_asking()) co_return false;
    }
    rules_.end_round();
    co_return complete;
}

asio::awaitable<void> Reconciler::measure() {
    auto rows = co_await run(count_pending, db::Params());
    if (!rows || rows->empty()) co_return;
    metrics_.pending(static_cast<double>(rows->int8(0, 0)), static_cast<double>(rows->int8(0, 1)));
}

}  // namespace subcults::api::livekit
