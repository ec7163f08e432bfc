#include "audit/checkpointer.hpp"

#include "audit/audit_walk_sql.hpp"
#include "db/columns.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <limits>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t max_lines = 500;
// For whatever is still to be done after stop(), connecting aside.
constexpr std::chrono::seconds last_limit{5};
// "subcults" and a number, as a bigint: advisory locks are shared by everybody in a database.
constexpr std::int64_t turn_key = 0x7375'6263'756c'0003;

constexpr db::Statement take_checkpoint_turn{"checkpoint_turn",
                                             "SELECT pg_try_advisory_xact_lock($1::bigint)"};
constexpr db::Statement newest{"checkpoint_newest",
                               "SELECT " SUBCULTS_CHECKPOINT_COLUMNS
                               " FROM audit_checkpoints ORDER BY number DESC LIMIT 1"};
// What has been listed before is left out. Only lists of checkpoints that exist count, and only of
// this very entry: a row that somebody put there hides no chain.
constexpr db::Statement moved_heads{
    "checkpoint_heads",
    "SELECT x.id, x.seq, x.hash FROM"
    " (SELECT id, head_seq AS seq, head_hash AS hash FROM stream_sessions"
    "   WHERE head_at > $1::timestamptz"
    "  UNION ALL SELECT entity_id, head_seq, head_hash FROM audit_heads"
    "   WHERE head_at > $1::timestamptz) x"
    " WHERE x.seq > 0 AND NOT EXISTS (SELECT 1 FROM audit_checkpoint_heads c"
    "  JOIN audit_checkpoints k ON k.number = c.number"
    "  WHERE c.entity_id = x.id AND c.seq = x.seq) ORDER BY x.id LIMIT $2::bigint"};
constexpr db::Statement insert_checkpoint{
    "checkpoint_insert",
    "INSERT INTO audit_checkpoints (number, at, heads, root, previous_root, kid, signature)"
    " VALUES ($1::bigint, $2::timestamptz, $3::bigint, $4::bytea, $5::bytea, $6::bigint,"
    " $7::bytea)"};
constexpr db::Statement insert_heads{
    "checkpoint_insert_heads",
    "INSERT INTO audit_checkpoint_heads (entity_id, seq, number, hash)"
    " SELECT u.id, u.seq, $4::bigint, u.hash"
    " FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS u(id, seq, hash)"};

db::ConnectionOptions connection_options(const CheckpointerOptions& options) {
    db::ConnectionOptions made;
    made.uri = options.database_uri;
    made.application_name = "subcults-api checkpoints";
    made.connect_timeout = std::chrono::milliseconds(2000);
    made.settings = {{"statement_timeout", "30s"},
                     {"synchronous_commit", "on"},
                     {"idle_in_transaction_session_timeout", "10s"}};
    made.statements = {take_checkpoint_turn, newest,       moved_heads,
                       insert_checkpoint,    insert_heads, audit_sql::stored_checkpoints};
    return made;
}

}  // namespace

Checkpointer::Checkpointer(asio::io_context& io, CheckpointerOptions options, AuditMetrics metrics,
                           Log& log)
    : io_(io),
      options_(std::move(options)),
      metrics_(metrics),
      log_(log),
      keys_(options_.privacy_secrets),
      file_(options_.file),
      connection_(io.get_executor(), connection_options(options_)),
      timer_(io) {}

void Checkpointer::start() {
    asio::co_spawn(io_, run(), [this](std::exception_ptr failure) {
        if (failure) log_.error("audit checkpoints ended");
    });
}

void Checkpointer::stop() noexcept {
    stopping_ = true;
    give_up_ = deadline_in(last_limit);
    timer_.cancel();
}

asio::awaitable<void> Checkpointer::run() {
    // Often enough that the interval is kept, whoever makes the checkpoint.
    const std::chrono::seconds pause =
        std::clamp(options_.interval / 10, std::chrono::seconds(1), std::chrono::seconds(60));
    while (!stopping_) {
        timer_.expires_after(pause);
        co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
        if (!stopping_) co_await turn(false);
    }
    co_await turn(true);
}

asio::awaitable<void> Checkpointer::turn(bool last) {
    auto connected = co_await connection_.connect();
    if (!connected) {
        failed(connected.error());
        co_return;
    }
    bool more = true;
    bool fine = true;
    // After the first one that was due, the rest of a backlog is due as well.
    bool now = last;
    do {
        fine = co_await make_one(now, more);
        now = true;
    } while (fine && more && !stopping_);
    if (fine && !options_.file.empty()) co_await export_to_file();
    connection_.close();
}

asio::awaitable<bool> Checkpointer::make_one(bool now, bool& more) {
    more = false;
    db::Pipeline look;
    db::Params key;
    key.int8(turn_key);
    look.command("BEGIN");
    look.add(take_checkpoint_turn, std::move(key));
    look.add(newest);
    auto until = deadline();
    auto seen = co_await connection_.run("checkpoint_look", std::move(look), until);
    if (!seen || !seen->ok()) {
        failed(seen ? *seen->error : seen.error());
        co_return false;
    }
    std::optional<Checkpoint> previous;
    if (!seen->rows[2].empty()) previous = read_checkpoint(seen->rows[2], 0);
    if (previous && !trusted(*previous)) co_return false;
    const UnixMicros at = now_micros();
    const std::int64_t interval_us =
        std::chrono::duration_cast<std::chrono::microseconds>(options_.interval).count();
    const bool due = now || !previous || at.value - previous->at.value >= interval_us;
    std::vector<CheckpointHead> heads;
    if (seen->rows[1].boolean(0, 0) && due) {
        // A full one leaves others behind, however old they are.
        const bool all = !previous || previous->heads >= max_checkpoint_heads;
        db::Params params;
        params
            .timestamptz(UnixMicros{all ? std::numeric_limits<std::int64_t>::min()
                                        : previous->at.value - checkpoint_margin_us})
            .int8(max_checkpoint_heads);
        until = deadline();
        auto rows = co_await connection_.query(moved_heads, std::move(params), until);
        if (!rows) {
            failed(rows.error());
            co_return false;
        }
        for (int row = 0; row < rows->size(); ++row) {
            CheckpointHead head;
            head.entity = rows->uuid(row, 0);
            head.seq = rows->int8(row, 1);
            head.hash = rows->bytea(row, 2);
            heads.push_back(std::move(head));
        }
    }
    if (heads.empty()) {
        until = deadline();
        auto ended = co_await connection_.execute("ROLLBACK", until);
        co_return ended.has_value();
    }
    const bool full = static_cast<std::int64_t>(heads.size()) >= max_checkpoint_heads;
    Checkpoint made = make_checkpoint(keys_, previous ? &*previous : nullptr, at, heads);
    const bool stored = co_await store(std::move(made), std::move(heads));
    more = stored && full;
    co_return stored;
}

asio::awaitable<bool> Checkpointer::store(Checkpoint checkpoint,
                                          std::vector<CheckpointHead> heads) {
    using Head = const CheckpointHead&;
    db::Params made;
    made.int8(checkpoint.number)
        .timestamptz(checkpoint.at)
        .int8(checkpoint.heads)
        .bytea(checkpoint.root)
        .bytea(checkpoint.previous_root)
        .int8(checkpoint.kid)
        .bytea(checkpoint.signature);
    db::Params listed;
    listed.uuid_array(db::column<Uuid>(heads, [](Head h) { return h.entity; }))
        .int8_array(db::column<std::int64_t>(heads, [](Head h) { return h.seq; }))
        .bytea_array(
            db::column<std::string_view>(heads, [](Head h) { return std::string_view(h.hash); }))
        .int8(checkpoint.number);
    db::Pipeline writes;
    writes.add(insert_checkpoint, std::move(made));
    writes.add(insert_heads, std::move(listed));
    writes.command("COMMIT");
    auto until = deadline();
    auto done = co_await connection_.run("checkpoint_commit", std::move(writes), until);
    if (!done || !done->ok()) {
        // Should it have happened after all, the file gets its line at the next turn.
        failed(done ? *done->error : done.error());
        co_return false;
    }
    if (done->rows.back().command() != "COMMIT") co_return false;
    announce(checkpoint);
    co_return true;
}

void Checkpointer::announce(const Checkpoint& checkpoint) {
    metrics_.checkpoints.increment();
    // The fields of the exported line, so that it can be taken from the log as well.
    log_.info("audit checkpoint", {{"number", checkpoint.number},
                                   {"at", format_rfc3339(checkpoint.at)},
                                   {"heads", checkpoint.heads},
                                   {"root", hex(checkpoint.root)},
                                   {"previous_root", hex(checkpoint.previous_root)},
                                   {"kid", kid_text(checkpoint.kid)},
                                   {"signature", hex(checkpoint.signature)}});
}

asio::awaitable<bool> Checkpointer::export_to_file() {
    for (;;) {
        const auto last = file_.last();
        if (!last) {
            file_failed(last.error());
            co_return false;
        }
        // The last one again: file and database must still agree on it.
        const std::int64_t from = *last ? (*last)->number : 1;
        db::Params params;
        params.int8(from).int8(max_lines);
        auto until = deadline();
        auto rows =
            co_await connection_.query(audit_sql::stored_checkpoints, std::move(params), until);
        if (!rows) {
            failed(rows.error());
            co_return false;
        }
        std::vector<Checkpoint> missing;
        for (int row = 0; row < rows->size(); ++row)
            missing.push_back(read_checkpoint(*rows, row));
        if (*last) {
            if (missing.empty() || missing.front() != **last) {
                file_failed("the checkpoint file is ahead of the database, or of another one");
                co_return false;
            }
            missing.erase(missing.begin());
        }
        // A line is never taken back, so no forged one gets in.
        const auto forged = std::find_if(missing.begin(), missing.end(),
                                         [this](const Checkpoint& c) { return !trusted(c); });
        const bool all = forged == missing.end();
        missing.erase(forged, missing.end());
        if (missing.empty()) co_return all;
        const auto appended = file_.append(missing);
        if (!appended) {
            file_failed(appended.error());
            co_return false;
        }
        if (!all || rows->size() < max_lines) co_return all;
    }
}

bool Checkpointer::trusted(const Checkpoint& checkpoint) {
    const SignatureState signature = check_signature(keys_, checkpoint);
    if (signature == SignatureState::right) return true;
    metrics_.checkpoint_failures.increment();
    const bool wrong = signature == SignatureState::wrong;
    log_.error(wrong ? "an audit checkpoint in the database has a wrong signature"
                     : "an audit checkpoint was signed with a privacy key that is not configured",
               {{"number", checkpoint.number}, {"kid", kid_text(checkpoint.kid)}});
    return false;
}

void Checkpointer::failed(const db::Error& error) {
    metrics_.checkpoint_failures.increment();
    log_.warn("an audit checkpoint failed",
              {{"sqlstate", error.sqlstate}, {"statement", error.statement}});
    connection_.close();
}

void Checkpointer::file_failed(const std::string& reason) {
    metrics_.checkpoint_failures.increment();
    log_.error("the audit checkpoint file cannot be kept", {{"reason", reason}});
}

}  // namespace subcults::api
