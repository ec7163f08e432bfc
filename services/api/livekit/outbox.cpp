#include "livekit/outbox.hpp"

#include <algorithm>

namespace subcults::api::livekit {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds poll_interval{1000};
constexpr std::chrono::seconds outbox_limit{5};
constexpr std::int64_t claimed_at_once = 8;
constexpr std::int64_t day_in_micros = 86'400'000'000;
constexpr std::chrono::milliseconds longest_wait{60'000};

// The oldest due row of each participant of a room (or of the room itself). A removal makes the
// mutes before it pointless, so one that LiveKit keeps refusing does not hold it up. The claim
// outlasts every call that a batch can need.
constexpr db::Statement claim_rows{
    "livekit_outbox_claim",
    "UPDATE livekit_outbox o"
    " SET attempts = attempts + 1, next_attempt_at = now() + interval '60 seconds'"
    " FROM (SELECT c.id FROM livekit_outbox c"
    "       WHERE c.next_attempt_at <= now() AND NOT EXISTS"
    "           (SELECT 1 FROM livekit_outbox e WHERE e.room_name = c.room_name"
    "            AND e.participant_id IS NOT DISTINCT FROM c.participant_id AND e.id < c.id"
    "            AND (c.action <> 'remove_participant' OR e.action = c.action))"
    "       ORDER BY c.id LIMIT $1::bigint FOR UPDATE SKIP LOCKED) due"
    " WHERE o.id = due.id"
    " RETURNING o.id, o.action, o.room_name, coalesce(o.participant_id, ''), o.attempts,"
    " o.created_at, o.stream_session_id, coalesce(o.traceparent, ''),"
    " coalesce(o.tracestate, '')"};
// Whether a removal is still meant: it has not been withdrawn, and its reason holds. That is a ban,
// or a lock that fell before the participant came.
constexpr db::Statement still_meant{
    "livekit_outbox_still_meant",
    "SELECT EXISTS (SELECT 1 FROM livekit_outbox WHERE id = $1::bigint) AND (EXISTS"
    " (SELECT 1 FROM stream_bans b WHERE b.stream_session_id = $2::uuid"
    "   AND b.participant_id = $3::text)"
    " OR EXISTS (SELECT 1 FROM stream_sessions s WHERE s.id = $2::uuid AND s.is_locked"
    "   AND NOT EXISTS (SELECT 1 FROM stream_participants p WHERE p.stream_session_id = s.id"
    "     AND p.participant_id = $3::text AND p.joined_at IS NOT NULL AND p.left_at IS NULL)))"};
constexpr db::Statement delete_row{"livekit_outbox_delete",
                                   "DELETE FROM livekit_outbox WHERE id = $1::bigint"};
constexpr db::Statement postpone_row{
    "livekit_outbox_postpone",
    "UPDATE livekit_outbox SET next_attempt_at = now() + $2::bigint * interval '1 millisecond'"
    " WHERE id = $1::bigint"};

OutboxAction read_action(const db::Rows& rows, int row) {
    OutboxAction action;
    action.id = rows.int8(row, 0);
    action.action = rows.text(row, 1);
    action.room_name = rows.text(row, 2);
    action.participant_id = rows.text(row, 3);
    action.attempts = rows.int8(row, 4);
    action.created_at = rows.timestamptz(row, 5);
    action.session = rows.uuid(row, 6);
    if (const auto ordered_by = TraceParent::parse(rows.text(row, 7))) {
        action.trace.self = *ordered_by;
        action.trace.take_state(rows.text(row, 8));
    } else {
        action.trace = TraceContext::start();
    }
    return action;
}

// A 404 in plain text, a 501, a route that is not there: a proxy that is being reloaded or an old
// LiveKit behind it. Somebody who was kicked must not stay because of that.
bool is_final(const OutboxAction& action, const CallError& error) noexcept {
    if (error.kind != CallError::Kind::refused) return false;
    if (error.code == "invalid_argument") return true;
    const bool not_allowed = error.code == "failed_precondition" || error.http_status == 412;
    return action.action == "unmute" && not_allowed;
}

}  // namespace

OutboxVerdict judge_outbox(const OutboxAction& action, const CallResult<void>& result,
                           UnixMicros now) noexcept {
    using Kind = CallError::Kind;
    OutboxVerdict verdict;
    if (result || result.error().kind == Kind::not_found) return verdict;
    if (is_final(action, result.error()) || now.value - action.created_at.value > day_in_micros) {
        verdict.kind = OutboxVerdict::Kind::given_up;
        return verdict;
    }
    verdict.kind = OutboxVerdict::Kind::again;
    const bool sent =
        result.error().kind != Kind::circuit_open && result.error().kind != Kind::cancelled;
    const std::int64_t doublings = std::clamp<std::int64_t>(action.attempts - 1, 0, 10);
    const std::chrono::milliseconds pause(1000LL << (sent ? doublings : 0));
    verdict.after = std::min(pause, longest_wait);
    return verdict;
}

std::vector<db::Statement> OutboxWorker::statements() {
    return {claim_rows, still_meant, delete_row, postpone_row};
}

OutboxWorker::OutboxWorker(asio::any_io_executor executor, db::Pool& pool, RoomService& rooms,
                           Log& log)
    : pool_(pool), rooms_(rooms), log_(log), alarm_(std::move(executor)) {}

void OutboxWorker::stop() noexcept {
    stopping_ = true;
    alarm_.ring();
}

asio::awaitable<void> OutboxWorker::run() {
    while (!stopping_) {
        const bool more = co_await round();
        if (!more && !stopping_) co_await alarm_.nap(poll_interval);
    }
}

asio::awaitable<bool> OutboxWorker::round() {
    if (!rooms_.worth_asking()) co_return false;
    std::vector<OutboxAction> actions = co_await claim();
    for (OutboxAction& action : actions) {
        if (stopping_) co_return false;
        auto result = co_await carry_out(action);
        co_await conclude(std::move(action), std::move(result));
    }
    // Behind each of these another row of its participant may have become due.
    co_return !actions.empty();
}

asio::awaitable<std::vector<OutboxAction>> OutboxWorker::claim() {
    std::vector<OutboxAction> actions;
    const Deadline deadline = deadline_in(outbox_limit);
    auto lease = co_await pool_.acquire(deadline);
    if (!lease) co_return actions;  // readiness tells about the database
    db::Params params;
    params.int8(claimed_at_once);
    auto rows = co_await (*lease)->query(claim_rows, std::move(params), deadline);
    if (!rows) {
        log_.warn("outbox cannot be read", {{"error", db::describe(rows.error())}});
        co_return actions;
    }
    for (int row = 0; row < rows->size(); ++row)
        actions.push_back(read_action(*rows, row));
    // UPDATE returns rows in no particular order.
    std::sort(actions.begin(), actions.end(),
              [](const auto& a, const auto& b) { return a.id < b.id; });
    co_return actions;
}

asio::awaitable<CallResult<void>> OutboxWorker::carry_out(OutboxAction action) {
    if (action.action == "delete_room") {
        auto result = co_await rooms_.delete_room(action.room_name, action.trace);
        co_return result;
    }
    if (action.action == "remove_participant") {
        auto result = co_await remove(std::move(action));
        co_return result;
    }
    const bool muted = action.action == "mute";
    auto result = co_await mute(std::move(action), muted);
    co_return result;
}

// The host may have readmitted the participant, or lifted the lock, since the row was claimed.
asio::awaitable<CallResult<void>> OutboxWorker::remove(OutboxAction action) {
    db::Params params;
    params.int8(action.id).uuid(action.session).text(action.participant_id);
    const Deadline deadline = deadline_in(outbox_limit);
    auto rows = co_await pool_.read(still_meant, std::move(params), deadline);
    if (!rows) {
        CallError not_sent;
        not_sent.kind = CallError::Kind::cancelled;
        co_return not_sent;
    }
    if (!rows->boolean(0, 0)) co_return CallResult<void>();
    auto result =
        co_await rooms_.remove_participant(action.room_name, action.participant_id, action.trace);
    co_return result;
}

asio::awaitable<CallResult<void>> OutboxWorker::mute(OutboxAction action, bool muted) {
    auto participant =
        co_await rooms_.get_participant(action.room_name, action.participant_id, action.trace);
    if (!participant) co_return participant.error();
    for (const Track& track : participant->tracks) {
        if (track.type != "audio" || track.muted == muted) continue;
        auto done = co_await rooms_.mute_track(action.room_name, action.participant_id, track.sid,
                                               muted, action.trace);
        if (!done && done.error().kind != CallError::Kind::not_found) co_return done;
    }
    co_return CallResult<void>();
}

asio::awaitable<void> OutboxWorker::conclude(OutboxAction action, CallResult<void> result) {
    const OutboxVerdict verdict = judge_outbox(action, result, now_micros());
    if (verdict.kind == OutboxVerdict::Kind::given_up) {
        log_.warn("livekit action given up", {{"action", action.action},
                                              {"room", action.room_name},
                                              {"attempts", action.attempts},
                                              {"outcome", to_string(result.error().kind)},
                                              {"trace_id", action.trace.self.trace_text()},
                                              {"span_id", action.trace.self.span_text()}});
    }
    const bool again = verdict.kind == OutboxVerdict::Kind::again;
    db::Params params;
    params.int8(action.id);
    if (again) params.int8(verdict.after.count());
    const Deadline deadline = deadline_in(outbox_limit);
    auto lease = co_await pool_.acquire(deadline);
    if (!lease) co_return;  // the claim runs out, and the row is carried out once more
    const db::Statement statement = again ? postpone_row : delete_row;
    auto rows = co_await (*lease)->query(statement, std::move(params), deadline);
    if (!rows) log_.warn("outbox cannot be written", {{"error", db::describe(rows.error())}});
}

}  // namespace subcults::api::livekit
