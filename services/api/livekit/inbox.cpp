#include "livekit/inbox.hpp"

#include "db/columns.hpp"

#include <boost/asio/use_awaitable.hpp>

namespace subcults::api::livekit {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds statement_limit{5};
constexpr std::chrono::seconds command_limit{5};
constexpr int batch_size = 256;
constexpr std::int64_t purged_at_once = 2000;
constexpr int parts_per_purge = 10;

constexpr db::Statement put_event{
    "livekit_inbox_put",
    "INSERT INTO livekit_inbox (id, event, room_name, room_sid, participant_id, participant_sid,"
    " joined_at, track_type, track_source, created_at, received_at)"
    " VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::timestamptz,"
    " $8::text, $9::text, $10::timestamptz, $11::timestamptz) ON CONFLICT (id) DO NOTHING"};
constexpr db::Statement pending_events{
    "livekit_inbox_pending",
    "SELECT i.id, i.event, i.room_name, i.room_sid, i.participant_id, i.participant_sid,"
    " i.joined_at, i.created_at, i.received_at, i.attempts, r.session_id,"
    " i.event = 'track_published' AND EXISTS (SELECT 1 FROM stream_participants p"
    "     WHERE p.stream_session_id = r.session_id AND p.participant_id = i.participant_id)"
    " FROM livekit_inbox i LEFT JOIN stream_rooms r ON r.room_name = i.room_name"
    " WHERE i.processed_at IS NULL ORDER BY i.seq LIMIT 256"};
constexpr db::Statement mark_events{
    "livekit_inbox_mark",
    "UPDATE livekit_inbox SET processed_at = CASE WHEN id = ANY($1::text[]) THEN now() END,"
    " attempts = attempts + 1 WHERE id = ANY($1::text[]) OR id = ANY($2::text[])"};
// A part at a time: a busy day's events, or those of days without a purge, take longer than one
// statement may.
constexpr db::Statement purge_events{
    "livekit_inbox_purge",
    "DELETE FROM livekit_inbox WHERE id IN (SELECT id FROM livekit_inbox"
    " WHERE received_at < now() - interval '24 hours' ORDER BY received_at LIMIT $1::bigint)"};
constexpr db::Statement add_closings{
    "livekit_closings_add",
    "INSERT INTO livekit_closings (room_name, room_sid, due_at)"
    " SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[])"
    " ON CONFLICT (room_name) DO UPDATE SET room_sid = excluded.room_sid,"
    " due_at = excluded.due_at"};
constexpr db::Statement drop_closings{"livekit_closings_drop",
                                      "DELETE FROM livekit_closings WHERE room_name = ANY"
                                      "($1::text[])"};
constexpr db::Statement due_closings{"livekit_closings_due",
                                     "SELECT c.room_name, r.session_id FROM livekit_closings c"
                                     " LEFT JOIN stream_rooms r ON r.room_name = c.room_name"
                                     " WHERE c.due_at <= now() ORDER BY c.due_at LIMIT 100"};

InboxItem read_item(const db::Rows& rows, int row) {
    InboxItem item;
    item.id = rows.text(row, 0);
    item.kind = event_kind(rows.text(row, 1));
    item.room_name = rows.text(row, 2);
    item.room_sid = rows.text(row, 3);
    item.participant_id = rows.text(row, 4);
    item.participant_sid = rows.text(row, 5);
    if (!rows.is_null(row, 6)) item.joined_at = rows.timestamptz(row, 6);
    item.created_at = rows.timestamptz(row, 7);
    item.received_at = rows.timestamptz(row, 8);
    item.attempts = rows.int8(row, 9);
    if (!rows.is_null(row, 10)) item.session = rows.uuid(row, 10);
    item.known_participant = !rows.is_null(row, 11) && rows.boolean(row, 11);
    return item;
}

}  // namespace

std::vector<db::Statement> put_statements() {
    return {put_event};
}

asio::awaitable<db::DbResult<Stored>> put(db::Pool& pool, WebhookEvent event,
                                          UnixMicros received_at, Deadline deadline) {
    const Participant nobody;
    const Track nothing;
    const Participant& who = event.participant ? *event.participant : nobody;
    const Track& what = event.track ? *event.track : nothing;
    db::Params params;
    params.text(event.id).text(to_string(event.kind)).text(event.room_name).text(event.room_sid);
    params.text(who.identity).text(who.sid);
    who.joined_at.value > 0 ? params.timestamptz(who.joined_at) : params.null();
    params.text(what.type).text(what.source).timestamptz(event.created_at).timestamptz(received_at);
    // Taken once whatever happens, so the second try of read() is welcome here.
    auto rows = co_await pool.read(put_event, std::move(params), deadline);
    if (!rows) co_return rows.error();
    co_return rows->affected() == 1 ? Stored::fresh : Stored::duplicate;
}

std::vector<db::Statement> InboxProcessor::statements() {
    return {pending_events, mark_events, purge_events, add_closings, drop_closings, due_closings};
}

InboxProcessor::InboxProcessor(db::Pool& pool, LedgerDesk& desk, RoomService& rooms,
                               InboxOptions options, Log& log)
    : pool_(pool), desk_(desk), rooms_(rooms), options_(options), log_(log) {}

asio::awaitable<db::DbResult<db::Rows>> InboxProcessor::run(db::Statement statement,
                                                            db::Params params) {
    const Deadline deadline = deadline_in(statement_limit);
    auto lease = co_await pool_.acquire(deadline);
    if (!lease) co_return lease.error();
    auto rows = co_await (*lease)->query(statement, std::move(params), deadline);
    if (!rows && rows.error().kind == db::ErrorKind::server) {
        log_.warn("inbox statement failed", {{"error", db::describe(rows.error())}});
    }
    co_return rows;
}

asio::awaitable<InboxProcessor::Round> InboxProcessor::process() {
    auto rows = co_await run(pending_events, db::Params());
    if (!rows) co_return Round::trouble;
    if (rows->empty()) co_return Round::idle;
    std::vector<InboxItem> items;
    for (int row = 0; row < rows->size(); ++row)
        items.push_back(read_item(*rows, row));

    auto fates = fates_of(items);
    const bool noted = co_await note_fates(std::move(fates));
    if (!noted) co_return Round::trouble;

    std::vector<std::string> done;
    std::vector<std::string> again;
    std::vector<Command> commands;
    std::vector<std::size_t> commanding;  // positions in items
    for (std::size_t i = 0; i < items.size(); ++i) {
        auto command = command_for(items[i]);
        if (!command) {
            done.push_back(items[i].id);
            continue;
        }
        command->deadline = deadline_in(command_limit);
        commands.push_back(std::move(*command));
        commanding.push_back(i);
    }
    auto outcomes = co_await desk_.submit_all(std::move(commands));
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        const InboxItem& item = items[commanding[i]];
        const bool over = settled(outcomes[i].status, item.attempts);
        if (over && outcomes[i].status == Outcome::Status::failed) {
            log_.error("event given up", {{"event", to_string(item.kind)}, {"id", item.id}});
        }
        (over ? done : again).push_back(item.id);
    }
    const bool trouble = !again.empty();
    const bool marked = co_await mark(std::move(done), std::move(again));
    if (trouble || !marked) co_return Round::trouble;
    co_return static_cast<int>(items.size()) == batch_size ? Round::more : Round::idle;
}

asio::awaitable<bool> InboxProcessor::note_fates(std::map<std::string, RoomFate> fates) {
    std::vector<std::string_view> finished;
    std::vector<std::string_view> sids;
    std::vector<UnixMicros> due;
    std::vector<std::string_view> back;
    const std::int64_t grace = std::chrono::microseconds(options_.empty_grace).count();
    for (const auto& [room, fate] : fates) {
        if (!fate.finished_at) {
            back.push_back(room);
            continue;
        }
        finished.push_back(room);
        sids.push_back(fate.room_sid);
        due.push_back(UnixMicros{fate.finished_at->value + grace});
    }
    if (!finished.empty()) {
        db::Params params;
        params.text_array(finished).text_array(sids).timestamptz_array(due);
        auto added = co_await run(add_closings, std::move(params));
        if (!added) co_return false;
    }
    if (!back.empty()) {
        db::Params params;
        params.text_array(back);
        auto dropped = co_await run(drop_closings, std::move(params));
        if (!dropped) co_return false;
    }
    co_return true;
}

asio::awaitable<bool> InboxProcessor::mark(std::vector<std::string> done,
                                           std::vector<std::string> again) {
    db::Params params;
    params.text_array(db::views(done)).text_array(db::views(again));
    auto marked = co_await run(mark_events, std::move(params));
    co_return marked.has_value();
}

asio::awaitable<void> InboxProcessor::forget_closings(std::vector<std::string> rooms) {
    if (rooms.empty()) co_return;
    db::Params params;
    params.text_array(db::views(rooms));
    auto dropped = co_await run(drop_closings, std::move(params));
    static_cast<void>(dropped);  // then it is due once more, and nothing is left to close
}

asio::awaitable<void> InboxProcessor::close_finished() {
    if (!rooms_.worth_asking()) co_return;
    auto rows = co_await run(due_closings, db::Params());
    if (!rows || rows->empty()) co_return;
    std::map<std::string, Uuid> candidates;
    std::vector<std::string> names;
    std::vector<std::string> settled_rooms;
    for (int row = 0; row < rows->size(); ++row) {
        std::string name(rows->text(row, 0));
        if (rows->is_null(row, 1)) {
            settled_rooms.push_back(std::move(name));
            continue;
        }
        candidates.emplace(name, rows->uuid(row, 1));
        names.push_back(std::move(name));
    }
    if (!names.empty()) {
        auto listed = co_await rooms_.list_rooms(std::move(names));
        if (!listed) co_return;
        for (const Room& room : *listed) {
            if (candidates.erase(room.name) > 0) settled_rooms.push_back(room.name);
        }
    }
    std::vector<Command> commands;
    for (const auto& [room, session] : candidates) {
        Command command;
        command.kind = CommandKind::close;
        command.session = session;
        command.request_id = "livekit-room-finished";
        command.deadline = deadline_in(command_limit);
        commands.push_back(std::move(command));
    }
    auto outcomes = co_await desk_.submit_all(std::move(commands));
    auto candidate = candidates.begin();
    for (const Outcome& outcome : outcomes) {
        if (settled(outcome.status, 0)) settled_rooms.push_back(candidate->first);
        ++candidate;
    }
    co_await forget_closings(std::move(settled_rooms));
}

asio::awaitable<bool> InboxProcessor::purge() {
    for (int i = 0; i < parts_per_purge; ++i) {
        db::Params params;
        params.int8(purged_at_once);
        auto purged = co_await run(purge_events, std::move(params));
        if (!purged || purged->affected() < purged_at_once) co_return false;
    }
    co_return true;
}

}  // namespace subcults::api::livekit
