#include "audit/audit_writer.hpp"

#include "audit/audit_rows.hpp"
#include "db/columns.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <map>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds statement_limit{3};
constexpr int max_attempts = 3;

// In the order of id, so that replicas which make heads at the same time do not wait in a circle.
constexpr db::Statement make_heads{
    "audit_make_heads",
    "INSERT INTO audit_heads (entity_id, entity_type, head_at)"
    " SELECT u.id, u.type, u.at FROM unnest($1::uuid[], $2::text[], $3::timestamptz[])"
    " AS u(id, type, at) ORDER BY u.id ON CONFLICT (entity_id) DO NOTHING"};
constexpr db::Statement lock_heads{
    "audit_lock_heads",
    "SELECT entity_id, head_seq, head_hash, head_at FROM audit_heads"
    " WHERE entity_id = ANY($1::uuid[]) ORDER BY entity_id FOR NO KEY UPDATE"};
constexpr db::Statement move_heads{
    "audit_move_heads",
    "UPDATE audit_heads h SET head_seq = u.seq, head_hash = u.hash, head_at = u.at"
    " FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::timestamptz[])"
    " AS u(id, seq, hash, at) WHERE h.entity_id = u.id"};

db::ConnectionOptions connection_options(const AuditWriterOptions& options) {
    db::ConnectionOptions made;
    made.uri = options.database_uri;
    made.application_name = "subcults-api audit";
    made.connect_timeout = std::chrono::milliseconds(2000);
    made.settings = {{"synchronous_commit", "on"},
                     {"jit", "off"},
                     {"lock_timeout", "1s"},
                     {"idle_in_transaction_session_timeout", "5s"},
                     {"statement_timeout", "3s"}};
    made.statements = {make_heads, lock_heads, move_heads, audit_sql::insert_entries};
    made.on_query = options.on_query;
    return made;
}

Denial refusal_of(const AuditNote& note) {
    Denial denial;
    denial.session = note.entity_id;
    denial.actor = note.actor;
    denial.action = note.action;
    return denial;
}

}  // namespace

Uuid audit_log_entity() {
    return uuid_v5(uuid_namespace_url, "subcults:audit_log");
}

AuditWriter::AuditWriter(asio::io_context& io, AuditWriterOptions options, AuditMetrics metrics,
                         Log& log)
    : io_(io),
      options_(std::move(options)),
      metrics_(metrics),
      log_(log),
      keys_(options_.privacy_secrets),
      connection_(io.get_executor(), connection_options(options_)),
      wake_(io) {}

void AuditWriter::start() {
    asio::co_spawn(io_, run(), [this](std::exception_ptr failure) {
        if (failure) log_.error("audit writer ended");
        std::deque<Ticket> rest;
        {
            const std::lock_guard lock(inbox_mutex_);
            closed_ = true;
            rest.swap(inbox_);
        }
        for (Ticket& ticket : rest)
            answer(std::move(ticket), false);
    });
}

void AuditWriter::stop() noexcept {
    stopping_ = true;
    wake_.cancel();
}

asio::awaitable<bool> AuditWriter::record(AuditNote note) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto recorded =
        co_await async_record(std::move(note), std::move(executor), asio::use_awaitable);
    co_return recorded;
}

void AuditWriter::submit(AuditNote note, asio::any_io_executor executor, Done done) {
    // Constructed, never assigned: any_completion_handler's move assignment recurses without end in
    // Boost 1.81.
    Ticket ticket{std::move(note), std::move(executor), std::move(done)};
    {
        const std::lock_guard lock(inbox_mutex_);
        if (!closed_ && inbox_.size() < options_.max_queued) {
            inbox_.push_back(std::move(ticket));
            // Under the lock: the writer cannot end, and its io_context with it, before this.
            if (inbox_.size() == 1) asio::post(io_, [this] { wake_.cancel(); });
            return;
        }
    }
    metrics_.refused.increment();
    answer(std::move(ticket), false);
}

// The asker may still be inside its initiating call, or on another thread: through its own loop.
void AuditWriter::answer(Ticket&& ticket, bool recorded) {
    const asio::any_io_executor executor = std::move(ticket.executor);
    asio::post(executor,
               [done = std::move(ticket.done), recorded]() mutable { std::move(done)(recorded); });
}

AuditWriter::Tickets AuditWriter::take() {
    const std::lock_guard lock(inbox_mutex_);
    Tickets taken;
    while (!inbox_.empty() && taken.size() < options_.max_batch) {
        taken.push_back(std::move(inbox_.front()));
        inbox_.pop_front();
    }
    return taken;
}

bool AuditWriter::nothing_to_do() {
    const std::lock_guard lock(inbox_mutex_);
    if (!inbox_.empty()) return false;
    if (stopping_) closed_ = true;
    return true;
}

asio::awaitable<void> AuditWriter::run() {
    for (;;) {
        if (nothing_to_do()) {
            if (stopping_) break;
            wake_.expires_at(SteadyClock::time_point::max());
            co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
            continue;
        }
        Tickets tickets = take();
        co_await process(std::move(tickets));
    }
    connection_.close();
}

asio::awaitable<void> AuditWriter::process(Tickets tickets) {
    const auto begun = SteadyClock::now();
    const UnixMicros now = now_micros();
    Tickets batch;
    for (Ticket& ticket : tickets) {
        if (ticket.note.deadline < begun) {
            metrics_.refused.increment();
            answer(std::move(ticket), false);
        } else if (!ticket.note.allowed && denials_.suppresses(refusal_of(ticket.note), now)) {
            answer(std::move(ticket), true);
        } else {
            batch.push_back(std::move(ticket));
        }
    }
    if (batch.empty()) co_return;

    Deadline last{};
    for (const Ticket& ticket : batch)
        last = std::max(last, ticket.note.deadline);
    Attempt result = Attempt::retry;
    for (int i = 0; i < max_attempts && result == Attempt::retry; ++i) {
        if (SteadyClock::now() > last) break;
        result = co_await attempt(batch);
    }
    const bool committed = result == Attempt::committed;
    for (Ticket& ticket : batch) {
        (committed ? metrics_.entries : metrics_.refused).increment();
        if (committed && !ticket.note.allowed) denials_.remember(refusal_of(ticket.note), now);
        answer(std::move(ticket), committed);
    }
}

// Nothing of the transaction can have happened.
asio::awaitable<void> AuditWriter::give_up(const db::Error& error) {
    log_.warn("an audit entry could not be written",
              {{"sqlstate", error.sqlstate}, {"statement", error.statement}});
    if (!connection_.connected()) co_return;
    auto deadline = deadline_in(statement_limit);
    auto result = co_await connection_.execute("ROLLBACK", deadline);
    if (!result) connection_.close();
}

asio::awaitable<AuditWriter::Attempt> AuditWriter::attempt(const Tickets& tickets) {
    if (!connection_.connected()) {
        auto connected = co_await connection_.connect();
        if (!connected) {
            log_.warn("the audit writer cannot reach the database",
                      {{"error", connected.error().message}});
            co_return Attempt::failed;
        }
    }
    const UnixMicros now = now_micros();
    std::map<Uuid, Head> heads;
    for (const Ticket& ticket : tickets) {
        Head& head = heads[ticket.note.entity_id];
        head.id = ticket.note.entity_id;
        head.entity_type = ticket.note.entity_type;
    }
    std::vector<Uuid> ids;
    std::vector<std::string_view> types;
    for (const auto& [id, head] : heads) {
        ids.push_back(id);
        types.push_back(head.entity_type);
    }
    const std::vector<UnixMicros> times(ids.size(), now);
    db::Params made;
    made.uuid_array(ids).text_array(types).timestamptz_array(times);
    db::Params locked;
    locked.uuid_array(ids);
    db::Pipeline reads;
    reads.command("BEGIN");
    reads.add(make_heads, std::move(made));
    // A statement of its own: it sees heads that another replica has just committed.
    reads.add(lock_heads, std::move(locked));
    auto deadline = deadline_in(statement_limit);
    auto result = co_await connection_.run("audit_read", std::move(reads), deadline);
    if (!result) {
        connection_.close();
        co_return Attempt::retry;
    }
    if (!result->ok()) {
        co_await give_up(*result->error);
        co_return result->error->transient() ? Attempt::retry : Attempt::failed;
    }
    const db::Rows& rows = result->rows[2];
    for (int row = 0; row < rows.size(); ++row) {
        Head& head = heads[rows.uuid(row, 0)];
        head.seq = rows.int8(row, 1);
        head.hash = rows.bytea(row, 2);
        head.at = rows.timestamptz(row, 3);
    }

    std::vector<AuditEntry> entries;
    for (const Ticket& ticket : tickets) {
        Head& head = heads[ticket.note.entity_id];
        AuditEntry entry;
        entry.entity_type = ticket.note.entity_type;
        entry.entity_id = ticket.note.entity_id;
        entry.seq = head.seq + 1;
        entry.action = ticket.note.action;
        entry.outcome = ticket.note.allowed ? "success" : "failure";
        entry.actor = ticket.note.actor;
        entry.request_id = ticket.note.request_id;
        entry.created_at = UnixMicros{std::max(head.at.value + 1, now.value)};
        entry.kid = keys_.current_kid();
        seal(keys_, entry, head.hash);
        head.seq = entry.seq;
        head.hash = subcults::as_view(entry.hash);
        head.at = entry.created_at;
        entries.push_back(std::move(entry));
    }
    std::vector<Head> moved;
    for (auto& [id, head] : heads)
        moved.push_back(std::move(head));
    auto done = co_await commit(std::move(entries), std::move(moved));
    co_return done;
}

asio::awaitable<AuditWriter::Attempt> AuditWriter::commit(std::vector<AuditEntry> entries,
                                                          std::vector<Head> heads) {
    using Moved = const Head&;
    db::Params moved;
    moved.uuid_array(db::column<Uuid>(heads, [](Moved h) { return h.id; }))
        .int8_array(db::column<std::int64_t>(heads, [](Moved h) { return h.seq; }))
        .bytea_array(
            db::column<std::string_view>(heads, [](Moved h) { return std::string_view(h.hash); }))
        .timestamptz_array(db::column<UnixMicros>(heads, [](Moved h) { return h.at; }));
    db::Pipeline writes;
    writes.add(move_heads, std::move(moved));
    writes.add(audit_sql::insert_entries, insert_params(entries));
    writes.command("COMMIT");
    auto deadline = deadline_in(statement_limit);
    auto result = co_await connection_.run("audit_commit", std::move(writes), deadline);
    if (!result) {
        // It may have happened. Whoever asked is refused, which is safe: an entry too many tells of
        // an attempt.
        connection_.close();
        log_.warn("the audit writer lost its connection during COMMIT");
        co_return Attempt::failed;
    }
    if (!result->ok()) {
        const bool again = result->error->transient() && result->error->certainly_not_applied();
        co_await give_up(*result->error);
        co_return again ? Attempt::retry : Attempt::failed;
    }
    co_return result->rows.back().command() == "COMMIT" ? Attempt::committed : Attempt::failed;
}

}  // namespace subcults::api
