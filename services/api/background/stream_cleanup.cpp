#include "background/stream_cleanup.hpp"

#include "jobs/fenced.hpp"
#include "quality/partitions.hpp"
#include "streams/ledger_state.hpp"

#include <algorithm>
#include <utility>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t commands_at_once = 256;
constexpr std::chrono::seconds command_limit{5};
constexpr std::int64_t rows_per_statement = 5000;
constexpr int statements_per_run = 20;
constexpr std::int64_t hour_us = 3600LL * 1'000'000;
// A retry may be reading its key at the very end of the day for which it is honoured.
constexpr std::int64_t key_horizon_us = idempotency_lifetime_us + hour_us;
// Far beyond what servers keep to be read again.
constexpr std::int64_t tombstone_horizon_us = 90 * 24 * hour_us;
constexpr std::int64_t stale_after_us = 12 * hour_us;
// A collection may be under way when its session ends.
constexpr std::int64_t collected_horizon_us = hour_us;

// A token that was just given out announces somebody.
constexpr db::Statement empty_sessions{
    "cleanup_empty_sessions",
    "SELECT s.id FROM stream_sessions s WHERE s.ended_at IS NULL AND s.active_count = 0"
    " AND s.started_at < $1::timestamptz AND NOT EXISTS (SELECT 1 FROM stream_participants p"
    " WHERE p.stream_session_id = s.id"
    " AND (p.left_at >= $1::timestamptz OR p.token_issued_at >= $1::timestamptz))"
    " ORDER BY s.started_at DESC, s.id DESC LIMIT $2::bigint"};

constexpr db::Statement stale_participants{
    "cleanup_stale_participants",
    "SELECT p.stream_session_id, p.participant_id FROM stream_sessions s"
    " JOIN stream_participants p ON p.stream_session_id = s.id"
    " WHERE s.ended_at IS NULL AND s.active_count > 0 AND p.joined_at < $1::timestamptz"
    " AND p.left_at IS NULL AND p.livekit_sid = ''"
    " AND coalesce(p.token_issued_at < $1::timestamptz, true)"
    " ORDER BY p.stream_session_id, p.participant_id LIMIT $2::bigint"};

constexpr db::Statement prune_keys{
    "cleanup_keys",
    "DELETE FROM idempotency_keys WHERE (stream_session_id, key_hash) IN"
    " (SELECT stream_session_id, key_hash FROM idempotency_keys"
    "  WHERE created_at < $1::timestamptz ORDER BY created_at LIMIT $2::bigint)"};

// Sessions by key: the planner must not read all of them. A session that is just being collected is
// left for the next time.
constexpr db::Statement prune_collections{
    "cleanup_quality",
    "WITH over AS MATERIALIZED (SELECT c.stream_session_id FROM stream_quality_collections c"
    " CROSS JOIN LATERAL (SELECT s.ended_at FROM stream_sessions s"
    "  WHERE s.id = c.stream_session_id LIMIT 1) s"
    " WHERE s.ended_at < $1::timestamptz LIMIT $2::bigint FOR UPDATE OF c SKIP LOCKED),"
    " progress AS (DELETE FROM stream_quality_progress p USING over"
    "  WHERE p.stream_session_id = over.stream_session_id)"
    " DELETE FROM stream_quality_collections c USING over"
    " WHERE c.stream_session_id = over.stream_session_id"};

// What the indexer is just writing anew is left to it.
constexpr db::Statement prune_records{
    "cleanup_records",
    "DELETE FROM records t USING (SELECT r.did, r.collection, r.rkey FROM records r"
    " WHERE r.deleted_at IS NOT NULL AND r.deleted_at < $1::timestamptz"
    " ORDER BY r.deleted_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED) d"
    " WHERE t.did = d.did AND t.collection = d.collection AND t.rkey = d.rkey"};

#define SUBCULTS_PRUNE(table)                                              \
    "DELETE FROM " table " t USING (SELECT r.id FROM " table               \
    " r WHERE r.deleted_at IS NOT NULL AND r.deleted_at < $1::timestamptz" \
    " ORDER BY r.deleted_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED) d WHERE t.id = d.id"
constexpr db::Statement prune_events{"cleanup_events", SUBCULTS_PRUNE("events")};
constexpr db::Statement prune_posts{"cleanup_posts", SUBCULTS_PRUNE("posts")};
constexpr db::Statement prune_alliances{"cleanup_alliances", SUBCULTS_PRUNE("alliances")};
constexpr db::Statement prune_memberships{"cleanup_memberships", SUBCULTS_PRUNE("memberships")};
#undef SUBCULTS_PRUNE

}  // namespace

std::vector<db::Statement> StreamCleanup::statements() {
    std::vector<db::Statement> all{empty_sessions,    stale_participants, prune_keys,
                                   prune_collections, prune_records,      prune_events,
                                   prune_posts,       prune_alliances,    prune_memberships};
    for (const db::Statement& statement : quality::partition_statements())
        all.push_back(statement);
    return all;
}

StreamCleanup::StreamCleanup(db::Pool& pool, livekit::LedgerDesk& desk, CleanupOptions options,
                             Log& log)
    : pool_(pool), desk_(desk), options_(std::move(options)), log_(log) {}

asio::awaitable<void> StreamCleanup::run(jobs::Run& run) {
    const UnixMicros now = now_micros();
    const UnixMicros keys{now.value - key_horizon_us};
    const UnixMicros collected{now.value - collected_horizon_us};
    const UnixMicros tombstones{now.value - tombstone_horizon_us};
    co_await end_empty_sessions(run);
    co_await close_stale_participants(run);
    co_await roll_partitions(run);
    co_await prune(run, prune_keys, keys);
    co_await prune(run, prune_collections, collected);
    co_await prune(run, prune_records, tombstones);
    co_await prune(run, prune_events, tombstones);
    co_await prune(run, prune_posts, tombstones);
    co_await prune(run, prune_alliances, tombstones);
    co_await prune(run, prune_memberships, tombstones);
}

asio::awaitable<void> StreamCleanup::end_empty_sessions(jobs::Run& run) {
    if (options_.presence_known && !options_.presence_known()) co_return;
    const auto grace = std::chrono::duration_cast<std::chrono::microseconds>(options_.empty_grace);
    db::Params params;
    params.timestamptz(UnixMicros{now_micros().value - grace.count()}).int8(commands_at_once);
    auto rows = co_await pool_.read(empty_sessions, std::move(params), run.deadline());
    if (!rows) {
        run.fail(rows.error());
        co_return;
    }
    std::vector<Command> commands;
    for (int row = 0; row < rows->size(); ++row) {
        Command command;
        command.kind = CommandKind::close;
        command.session = rows->uuid(row, 0);
        command.flag = true;
        command.request_id = "stream-cleanup";
        commands.push_back(std::move(command));
    }
    co_await submit(run, std::move(commands), "empty sessions ended");
}

asio::awaitable<void> StreamCleanup::close_stale_participants(jobs::Run& run) {
    const UnixMicros now = now_micros();
    db::Params params;
    params.timestamptz(UnixMicros{now.value - stale_after_us}).int8(commands_at_once);
    auto rows = co_await pool_.read(stale_participants, std::move(params), run.deadline());
    if (!rows) {
        run.fail(rows.error());
        co_return;
    }
    std::vector<Command> commands;
    for (int row = 0; row < rows->size(); ++row) {
        Presence gone;
        gone.kind = Presence::Kind::left;
        gone.joined_at = now;
        gone.at = now;
        Command command;
        command.kind = CommandKind::presence;
        command.session = rows->uuid(row, 0);
        command.participant_id = rows->text(row, 1);
        command.presence = std::move(gone);
        command.request_id = "stream-cleanup";
        commands.push_back(std::move(command));
    }
    co_await submit(run, std::move(commands), "stale participants closed");
}

asio::awaitable<void> StreamCleanup::submit(jobs::Run& run, std::vector<Command> commands,
                                            std::string_view what) {
    if (commands.empty() || run.stopping()) co_return;
    for (Command& command : commands)
        command.deadline = deadline_in(command_limit);
    auto outcomes = co_await desk_.submit_all(std::move(commands));
    const auto with = [&outcomes](Outcome::Status status) {
        return std::ranges::count(outcomes, status, &Outcome::status);
    };
    const auto failed = with(Outcome::Status::unavailable) +
                        with(Outcome::Status::outcome_unknown) + with(Outcome::Status::failed);
    if (failed > 0) run.fail(jobs::ErrorType::database_error, "the ledger refused");
    const auto applied = with(Outcome::Status::applied);
    if (applied > 0) log_.info(what, {{"count", applied}});
}

// Without the fence: whoever does it, and however often, the same partitions are made and dropped.
asio::awaitable<void> StreamCleanup::roll_partitions(jobs::Run& run) {
    auto lease = co_await pool_.acquire(run.deadline());
    if (!lease) {
        run.fail(lease.error());
        co_return;
    }
    const UnixMicros now = now_micros();
    auto made = co_await quality::add_partitions(**lease, now, run.deadline());
    if (!made) run.fail(made.error());
    if (made && *made > 0) log_.info("quality partitions made", {{"count", *made}});
    if (!(*lease)->connected()) co_return;
    auto dropped = co_await quality::drop_partitions(**lease, now, options_.quality_retention_days,
                                                     run.deadline());
    // A table that is busy is left for the next time.
    if (!dropped && dropped.error().sqlstate != "55P03") run.fail(dropped.error());
    if (dropped && *dropped > 0) log_.info("quality partitions dropped", {{"count", *dropped}});
}

asio::awaitable<void> StreamCleanup::prune(jobs::Run& run, db::Statement statement,
                                           UnixMicros before) {
    std::int64_t deleted = 0;
    for (int i = 0; i < statements_per_run && !run.stopping(); ++i) {
        db::Params params;
        params.timestamptz(before).int8(rows_per_statement);
        auto done = co_await jobs::run_fenced(pool_, run, statement, std::move(params));
        if (!done) break;
        deleted += done->affected();
        if (done->affected() < rows_per_statement) break;
    }
    if (deleted > 0) log_.info("pruned", {{"what", statement.name}, {"rows", deleted}});
}

}  // namespace subcults::api
