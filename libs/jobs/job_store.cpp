#include "jobs/job_store.hpp"

#include <utility>

namespace subcults::jobs {

namespace asio = boost::asio;

namespace {

constexpr db::Statement enlist_jobs{
    "job_enlist",
    "INSERT INTO background_jobs AS j (job_type, next_run_at)"
    " SELECT e.job_type, CASE WHEN e.every IS NOT NULL THEN clock_timestamp() END"
    " FROM unnest($1::text[], $2::float8[]) AS e(job_type, every) ORDER BY e.job_type"
    " ON CONFLICT (job_type) DO UPDATE SET next_run_at ="
    " (SELECT CASE WHEN i.every IS NOT NULL THEN least(j.next_run_at,"
    " clock_timestamp() + make_interval(secs => i.every)) END"
    " FROM unnest($1::text[], $2::float8[]) AS i(job_type, every)"
    " WHERE i.job_type = EXCLUDED.job_type)"};

constexpr db::Statement look_at_jobs{
    "job_look",
    "SELECT j.job_type, j.leased_until IS NULL OR j.leased_until < clock_timestamp(),"
    " coalesce(j.leased_until < clock_timestamp(), false), j.requested_at IS NOT NULL,"
    " j.notified_at IS NOT NULL, extract(epoch FROM j.next_run_at - clock_timestamp())::float8,"
    " extract(epoch FROM j.last_success_at)::float8, j.holder IN ('', $2::text)"
    " FROM background_jobs j WHERE j.job_type = ANY($1::text[])"};

// SKIP LOCKED passes over a row that somebody else is just taking, and over one that a transaction
// of the run before still holds by its fence.
constexpr db::Statement claim_job{
    "job_claim",
    "WITH free AS MATERIALIZED (SELECT j.job_type, j.leased_until IS NOT NULL AS abandoned,"
    " extract(epoch FROM clock_timestamp() - j.started_at)::float8 AS age"
    " FROM background_jobs j WHERE j.job_type = $1::text"
    " AND (j.leased_until IS NULL OR j.leased_until < clock_timestamp())"
    " AND ($2::boolean OR j.leased_until IS NOT NULL OR j.requested_at IS NOT NULL"
    " OR j.notified_at IS NOT NULL OR j.next_run_at <= clock_timestamp())"
    " FOR UPDATE SKIP LOCKED)"
    " UPDATE background_jobs j SET epoch = j.epoch + 1, holder = $3::text,"
    " leased_until = clock_timestamp() + make_interval(secs => $4::float8),"
    " started_at = clock_timestamp(), requested_at = NULL, notified_at = NULL,"
    " runs = j.runs + f.abandoned::int, failures = j.failures + f.abandoned::int,"
    " failures_in_a_row = j.failures_in_a_row + f.abandoned::int,"
    " takeovers = j.takeovers + f.abandoned::int"
    " FROM free f WHERE j.job_type = f.job_type"
    " RETURNING j.epoch, j.failures_in_a_row, f.abandoned, coalesce(f.age, 0)"};

constexpr db::Statement keep_jobs{
    "job_keep",
    "UPDATE background_jobs j SET leased_until = clock_timestamp()"
    " + make_interval(secs => $3::float8)"
    " FROM unnest($1::text[], $2::bigint[]) AS e(job_type, epoch)"
    " WHERE j.job_type = e.job_type AND j.epoch = e.epoch AND j.leased_until IS NOT NULL"
    " RETURNING j.job_type"};

// A run that was cancelled is asked for anew, so that another process makes it up at once. (LEAST
// passes over NULL: what is kept of no plan is none.)
constexpr db::Statement finish_job{
    "job_finish",
    "UPDATE background_jobs j SET leased_until = NULL,"
    " finished_at = clock_timestamp(), result = $3::text, error_type = $4::text, error = $5::text,"
    " duration_seconds = $6::float8,"
    " next_run_at = least(CASE WHEN $8::boolean THEN j.next_run_at END,"
    " clock_timestamp() + make_interval(secs => $7::float8)),"
    " requested_at = CASE WHEN $3::text = 'cancelled' THEN clock_timestamp()"
    " ELSE j.requested_at END,"
    " last_success_at = CASE WHEN $3::text = 'success' THEN clock_timestamp()"
    " ELSE j.last_success_at END,"
    " runs = j.runs + ($3::text <> 'cancelled')::int,"
    " failures = j.failures + ($3::text = 'failure')::int,"
    " failures_in_a_row = CASE $3::text WHEN 'success' THEN 0"
    " WHEN 'failure' THEN j.failures_in_a_row + 1 ELSE j.failures_in_a_row END"
    " WHERE j.job_type = $1::text AND j.epoch = $2::bigint AND j.leased_until IS NOT NULL"};

constexpr db::Statement note_job_change{"job_note_change",
                                        "UPDATE background_jobs SET notified_at = clock_timestamp()"
                                        " WHERE job_type = $1::text AND notified_at IS NULL"};

constexpr db::Statement request_job{
    "job_request",
    "UPDATE background_jobs j SET requested_at = coalesce(j.requested_at, clock_timestamp())"
    " WHERE j.job_type = $1::text RETURNING coalesce(j.leased_until >= clock_timestamp(), false)"};

constexpr db::Statement list_jobs{
    "job_list",
    "SELECT j.job_type, j.epoch, coalesce(j.leased_until >= clock_timestamp(), false), j.holder,"
    " j.requested_at IS NOT NULL OR j.notified_at IS NOT NULL, j.next_run_at, j.started_at,"
    " j.finished_at, j.result, j.error_type, j.error, j.duration_seconds, j.last_success_at,"
    " j.runs, j.failures, j.takeovers"
    " FROM background_jobs j WHERE j.job_type = ANY($1::text[])"};

std::vector<std::string_view> views(const std::vector<std::string>& texts) {
    return {texts.begin(), texts.end()};
}

std::optional<double> maybe_number(const db::Rows& rows, int row, int column) {
    if (rows.is_null(row, column)) return std::nullopt;
    return rows.float8(row, column);
}

std::optional<UnixMicros> maybe_time(const db::Rows& rows, int row, int column) {
    if (rows.is_null(row, column)) return std::nullopt;
    return rows.timestamptz(row, column);
}

std::optional<std::string> maybe_text(const db::Rows& rows, int row, int column) {
    if (rows.is_null(row, column)) return std::nullopt;
    return std::string(rows.text(row, column));
}

JobView read_view(const db::Rows& rows, int row) {
    JobView view;
    view.type = rows.text(row, 0);
    view.free = rows.boolean(row, 1);
    view.abandoned = rows.boolean(row, 2);
    view.requested = rows.boolean(row, 3);
    view.notified = rows.boolean(row, 4);
    view.due_in_seconds = maybe_number(rows, row, 5);
    view.last_success = maybe_number(rows, row, 6);
    view.ours = rows.boolean(row, 7);
    return view;
}

JobRow read_row(const db::Rows& rows, int row) {
    JobRow read;
    read.type = rows.text(row, 0);
    read.epoch = rows.int8(row, 1);
    read.running = rows.boolean(row, 2);
    read.holder = rows.text(row, 3);
    read.requested = rows.boolean(row, 4);
    read.next_run_at = maybe_time(rows, row, 5);
    read.started_at = maybe_time(rows, row, 6);
    read.finished_at = maybe_time(rows, row, 7);
    read.result = maybe_text(rows, row, 8);
    read.error_type = maybe_text(rows, row, 9);
    read.error = maybe_text(rows, row, 10);
    read.duration_seconds = maybe_number(rows, row, 11);
    read.last_success_at = maybe_time(rows, row, 12);
    read.runs = rows.int8(row, 13);
    read.failures = rows.int8(row, 14);
    read.takeovers = rows.int8(row, 15);
    return read;
}

void text_or_null(db::Params& params, std::string_view text) {
    text.empty() ? params.null() : params.text(text);
}

}  // namespace

JobStore::JobStore(db::Pool& pool, std::string holder, std::chrono::milliseconds ttl)
    : pool_(pool),
      holder_(std::move(holder)),
      ttl_seconds_(std::chrono::duration<double>(ttl).count()) {}

std::vector<db::Statement> JobStore::statements() {
    return {enlist_jobs, look_at_jobs,    claim_job,   keep_jobs,
            finish_job,  note_job_change, request_job, list_jobs};
}

// Never sent twice, unlike Pool::read: most of these write.
asio::awaitable<db::DbResult<db::Rows>> JobStore::run(db::Statement statement, db::Params params,
                                                      Deadline deadline) {
    auto lease = co_await pool_.acquire(deadline);
    if (!lease) co_return std::move(lease).error();
    auto rows = co_await (*lease)->query(statement, std::move(params), deadline);
    co_return rows;
}

asio::awaitable<db::DbResult<void>> JobStore::enlist(std::vector<std::string> types,
                                                     std::vector<std::optional<double>> intervals,
                                                     Deadline deadline) {
    db::Params params;
    params.text_array(views(types)).float8_array(intervals);
    auto done = co_await run(enlist_jobs, std::move(params), deadline);
    if (!done) co_return std::move(done).error();
    co_return db::DbResult<void>();
}

asio::awaitable<db::DbResult<std::vector<JobView>>> JobStore::look(std::vector<std::string> types,
                                                                   Deadline deadline) {
    db::Params params;
    params.text_array(views(types)).text(holder_);
    auto found = co_await run(look_at_jobs, std::move(params), deadline);
    if (!found) co_return std::move(found).error();
    std::vector<JobView> seen;
    for (int row = 0; row < found->size(); ++row)
        seen.push_back(read_view(*found, row));
    co_return seen;
}

asio::awaitable<db::DbResult<std::optional<Claim>>> JobStore::claim(std::string type, bool wanted,
                                                                    Deadline deadline) {
    db::Params params;
    params.text(type).boolean(wanted).text(holder_).float8(ttl_seconds_);
    auto taken = co_await run(claim_job, std::move(params), deadline);
    if (!taken) co_return std::move(taken).error();
    std::optional<Claim> claim;
    if (!taken->empty()) {
        claim.emplace();
        claim->epoch = taken->int8(0, 0);
        claim->failures_in_a_row = taken->int8(0, 1);
        claim->took_over = taken->boolean(0, 2);
        claim->abandoned_seconds = taken->float8(0, 3);
    }
    co_return claim;
}

asio::awaitable<db::DbResult<std::vector<std::string>>> JobStore::keep(
    std::vector<std::string> types, std::vector<std::int64_t> epochs, Deadline deadline) {
    db::Params params;
    params.text_array(views(types)).int8_array(epochs).float8(ttl_seconds_);
    auto kept = co_await run(keep_jobs, std::move(params), deadline);
    if (!kept) co_return std::move(kept).error();
    std::vector<std::string> ours;
    for (int row = 0; row < kept->size(); ++row)
        ours.emplace_back(kept->text(row, 0));
    co_return ours;
}

asio::awaitable<db::DbResult<bool>> JobStore::finish(std::string type, std::int64_t epoch,
                                                     RunEnd end, Deadline deadline) {
    db::Params params;
    params.text(type).int8(epoch).text(end.result);
    text_or_null(params, end.error_type);
    text_or_null(params, end.error);
    params.float8(end.seconds);
    end.next_in_seconds ? params.float8(*end.next_in_seconds) : params.null();
    params.boolean(end.keeps_plan);
    auto written = co_await run(finish_job, std::move(params), deadline);
    if (!written) co_return std::move(written).error();
    co_return written->affected() == 1;
}

asio::awaitable<db::DbResult<void>> JobStore::note_change(std::string type, Deadline deadline) {
    db::Params params;
    params.text(type);
    auto noted = co_await run(note_job_change, std::move(params), deadline);
    if (!noted) co_return std::move(noted).error();
    co_return db::DbResult<void>();
}

asio::awaitable<db::DbResult<std::optional<bool>>> JobStore::request(std::string type,
                                                                     Deadline deadline) {
    db::Params params;
    params.text(type);
    auto asked = co_await run(request_job, std::move(params), deadline);
    if (!asked) co_return std::move(asked).error();
    std::optional<bool> running;
    if (!asked->empty()) running = asked->boolean(0, 0);
    co_return running;
}

asio::awaitable<db::DbResult<std::vector<JobRow>>> JobStore::rows(std::vector<std::string> types,
                                                                  Deadline deadline) {
    db::Params params;
    params.text_array(views(types));
    auto found = co_await run(list_jobs, std::move(params), deadline);
    if (!found) co_return std::move(found).error();
    std::vector<JobRow> rows;
    for (int row = 0; row < found->size(); ++row)
        rows.push_back(read_row(*found, row));
    co_return rows;
}

}  // namespace subcults::jobs
