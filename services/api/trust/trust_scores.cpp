#include "trust/trust_scores.hpp"

#include <utility>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

// The more at once, the cheaper each; the fewer, the less is lost when a run is cut short.
constexpr std::int64_t scenes_at_once = 50'000;

constexpr db::Statement read_marks{
    "trust_read_marks",
    "SELECT d.scene_id, d.generation FROM trust_dirty d WHERE d.scene_id > $1::uuid"
    " ORDER BY d.scene_id LIMIT $2::bigint"};

// No marks are made for them: whatever changes meanwhile marks its scene itself.
constexpr db::Statement read_scenes_without_score{
    "trust_read_scenes_without_score",
    "SELECT s.id FROM scenes s WHERE s.id > $1::uuid AND s.deleted_at IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM trust_scores t WHERE t.scene_id = s.id)"
    " ORDER BY s.id LIMIT $2::bigint"};

constexpr db::Statement store_scores{
    "trust_store_scores",
    "INSERT INTO trust_scores AS t (scene_id, score, alliance_weight, membership_weight,"
    " role_multiplier, alliances, members, computed_at)"
    " SELECT c.scene_id, c.score, c.alliance_weight, c.membership_weight, c.role_multiplier,"
    " c.alliances, c.members, clock_timestamp() FROM scene_trust($1::uuid[]) c"
    " ON CONFLICT (scene_id) DO UPDATE SET score = EXCLUDED.score,"
    " alliance_weight = EXCLUDED.alliance_weight, membership_weight = EXCLUDED.membership_weight,"
    " role_multiplier = EXCLUDED.role_multiplier, alliances = EXCLUDED.alliances,"
    " members = EXCLUDED.members, computed_at = EXCLUDED.computed_at"};

// Of scenes that were deleted since.
constexpr db::Statement drop_scores{
    "trust_drop_scores",
    "DELETE FROM trust_scores t USING scenes s WHERE t.scene_id = ANY($1::uuid[])"
    " AND s.id = t.scene_id AND s.deleted_at IS NOT NULL"};

// A mark that somebody is just renewing is left alone.
constexpr db::Statement clear_marks{
    "trust_clear_marks",
    "DELETE FROM trust_dirty t USING (SELECT d.scene_id FROM trust_dirty d"
    " JOIN unnest($1::uuid[], $2::bigint[]) AS e(scene_id, generation)"
    " ON e.scene_id = d.scene_id AND e.generation = d.generation"
    " FOR UPDATE OF d SKIP LOCKED) c WHERE t.scene_id = c.scene_id"};

constexpr db::Statement trust_of_scene{
    "trust_of_scene",
    "SELECT s.deleted_at IS NOT NULL, h.did IS NOT NULL, t.score, t.alliance_weight,"
    " t.membership_weight, t.role_multiplier, t.computed_at,"
    " EXISTS (SELECT 1 FROM trust_dirty d WHERE d.scene_id = s.id)"
    " FROM scenes s LEFT JOIN hidden_accounts h ON h.did = s.owner_did"
    " LEFT JOIN trust_scores t ON t.scene_id = s.id WHERE s.id = $1::uuid"};

constexpr db::Statement trust_as_of_now{
    "trust_as_of_now",
    "SELECT c.score, c.alliance_weight, c.membership_weight, c.role_multiplier"
    " FROM scene_trust(ARRAY[$1::uuid]) c"};

void read_parts(SceneTrust& trust, const db::Rows& rows, int first) {
    trust.score = rows.float8(0, first);
    if (rows.is_null(0, first + 2)) return;
    trust.breakdown.emplace();
    trust.breakdown->alliance_weight = rows.float8(0, first + 1);
    trust.breakdown->membership_weight = rows.float8(0, first + 2);
    trust.breakdown->role_multiplier = rows.float8(0, first + 3);
}

// What the database says about numbers is about the computation.
void fail(jobs::Run& run, const db::Error& error) {
    if (!jobs::is_fenced_off(error) && error.of_the_data()) {
        run.fail(jobs::ErrorType::recompute_error, jobs::brief(error));
    } else {
        run.fail(error);
    }
}

}  // namespace

std::vector<std::pair<std::string, std::string>> trust_settings() {
    return {{"plan_cache_mode", "force_custom_plan"}, {"work_mem", "64MB"}, {"jit", "off"}};
}

std::vector<db::Statement> TrustRecompute::statements() {
    return {read_marks, read_scenes_without_score, store_scores, drop_scores, clear_marks};
}

asio::awaitable<std::optional<TrustRecompute::Batch>> TrustRecompute::next_batch(jobs::Run& run,
                                                                                 Source source,
                                                                                 Uuid after) {
    const bool marked = source == Source::marks;
    const db::Statement statement = marked ? read_marks : read_scenes_without_score;
    db::Params params;
    params.uuid(after).int8(scenes_at_once);
    auto rows = co_await pool_.read(statement, std::move(params), run.deadline());
    if (!rows) {
        fail(run, rows.error());
        co_return std::nullopt;
    }
    Batch batch;
    batch.scenes.reserve(static_cast<std::size_t>(rows->size()));
    for (int row = 0; row < rows->size(); ++row) {
        batch.scenes.push_back(rows->uuid(row, 0));
        if (marked) batch.generations.push_back(rows->int8(row, 1));
    }
    co_return batch;
}

// Marks are read in a statement before the one that reads the graph, so they never cover a change
// that the graph does not show yet.
asio::awaitable<bool> TrustRecompute::compute(jobs::Run& run, const Batch& batch) {
    db::Params scenes;
    scenes.uuid_array(batch.scenes);
    db::Params again = scenes;
    db::Params marks = scenes;
    marks.int8_array(batch.generations);
    db::Pipeline pipeline;
    run.begin_fenced(pipeline);
    pipeline.add(store_scores, std::move(scenes)).add(drop_scores, std::move(again));
    if (!batch.generations.empty()) pipeline.add(clear_marks, std::move(marks));
    pipeline.command("COMMIT");
    auto lease = co_await pool_.acquire(run.deadline());
    if (!lease) {
        fail(run, lease.error());
        co_return false;
    }
    auto done = co_await (*lease)->run("trust_recompute", std::move(pipeline), run.deadline());
    if (!done) {
        fail(run, done.error());
        co_return false;
    }
    // The pool replaces a connection that comes back with its transaction open.
    if (!done->ok()) fail(run, *done->error);
    if (done->ok() && on_computed_) on_computed_(batch.scenes);
    co_return done->ok();
}

asio::awaitable<bool> TrustRecompute::drain(jobs::Run& run, Source source, std::size_t& computed) {
    Uuid after;
    while (!run.stopping()) {
        auto batch = co_await next_batch(run, source, after);
        if (!batch) co_return false;
        if (batch->scenes.empty()) co_return true;
        const bool stored = co_await compute(run, *batch);
        if (!stored) co_return false;
        computed += batch->scenes.size();
        // On from there: what is marked behind us has a notification of its own.
        after = batch->scenes.back();
        if (batch->scenes.size() < static_cast<std::size_t>(scenes_at_once)) co_return true;
    }
    co_return false;
}

asio::awaitable<void> TrustRecompute::run(jobs::Run& run) {
    const auto begun = SteadyClock::now();
    std::size_t computed = 0;
    const bool done = co_await drain(run, Source::marks, computed);
    if (done && run.cause() != jobs::Cause::notification) {
        co_await drain(run, Source::scenes_without_score, computed);
    }
    if (computed == 0) co_return;
    const std::chrono::duration<double> taken = SteadyClock::now() - begun;
    if (run.cause() == jobs::Cause::notification) {  // of a change; there may be many a second
        log_.debug("trust computed", {{"scenes", computed}, {"seconds", taken.count()}});
    } else {
        log_.info("trust computed", {{"scenes", computed}, {"seconds", taken.count()}});
    }
}

// --- for readers ---------------------------------------------------------------------------------

std::vector<db::Statement> trust_query_statements() {
    return {trust_of_scene, trust_as_of_now};
}

asio::awaitable<db::DbResult<TrustAnswer>> find_trust(db::Pool& pool, Uuid scene,
                                                      Deadline deadline) {
    db::Params params;
    params.uuid(scene);
    db::Params again = params;
    auto rows = co_await pool.read(trust_of_scene, std::move(params), deadline);
    if (!rows) co_return std::move(rows).error();
    TrustAnswer answer;
    if (rows->empty()) co_return answer;
    if (rows->boolean(0, 0)) {
        answer.scene = TrustAnswer::Scene::deleted;
        co_return answer;
    }
    if (rows->boolean(0, 1)) co_return answer;
    answer.scene = TrustAnswer::Scene::known;
    answer.trust.stale = rows->boolean(0, 7);
    if (!rows->is_null(0, 2)) {
        read_parts(answer.trust, *rows, 2);
        answer.trust.last_updated = rows->timestamptz(0, 6);
        co_return answer;
    }
    auto computed = co_await pool.read(trust_as_of_now, std::move(again), deadline);
    if (!computed) co_return std::move(computed).error();
    if (!computed->empty()) read_parts(answer.trust, *computed, 0);
    co_return answer;
}

}  // namespace subcults::api
