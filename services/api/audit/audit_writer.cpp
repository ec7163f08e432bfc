#include "audit/audit_writer.hpp"

#include "audit/audit_rows.hpp"
#include "db/columns.hpp"

#include <boost/asio/co_spawn.hpp>

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
      inbox_(io, options_.max_queued) {}

void AuditWriter::start() {
    asio::co_spawn(io_, run(), [this](std::exception_ptr failure) {
        if (failure) log_.error("audit writer ended");
        inbox_.close();
    });
}

void AuditWriter::stop() noexcept {
    inbox_.stop();
}

asio::awaitable<bool> AuditWriter::record(AuditNote note) {
    auto recorded = co_await inbox_.ask(std::move(note));
    if (!recorded) metrics_.refused.increment();
    co_return recorded.value_or(false);
}

asio::awaitable<void> AuditWriter::run() {
    for (;;) {
        const bool more = co_await inbox_.wait();
        if (!more) break;
        Tickets tickets = inbox_.take(options_.max_batch);
        co_await process(std::move(tickets));
    }
    connection_.close();
}

asio::awaitable<void> AuditWriter::process(Tickets tickets) {
    const auto begun = SteadyClock::now();
    const UnixMicros now = now_micros();
    Tickets batch;
    for (Inbox::Ticket& ticket : tickets) {
        if (ticket.request.deadline < begun) {
            metrics_.refused.increment();
            Inbox::answer(std::move(ticket), false);
        } else if (!ticket.request.allowed &&
                   denials_.suppresses(refusal_of(ticket.request), now)) {
            Inbox::answer(std::move(ticket), true);
        } else {
            batch.push_back(std::move(ticket));
        }
    }
    if (batch.empty()) co_return;

    Deadline last{};
    for (const Inbox::Ticket& ticket : batch)
        last = std::max(last, ticket.request.deadline);
    Attempt result = Attempt::retry;
    for (int i = 0; i < max_attempts && result == Attempt::retry; ++i) {
        if (SteadyClock::now() > last) break;
        result = co_await attempt(batch);
    }
    const bool committed = result == Attempt::committed;
    for (Inbox::Ticket& ticket : batch) {
        (committed ? metrics_.entries : metrics_.refused).increment();
        if (committed && !ticket.request.allowed)
            denials_.remember(refusal_of(ticket.request), now);
        Inbox::answer(std::move(ticket), committed);
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
    for (const Inbox::Ticket& ticket : tickets) {
        Head& head = heads[ticket.request.entity_id];
        head.id = ticket.request.entity_id;
        head.entity_type = ticket.request.entity_type;
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
    for (const Inbox::Ticket& ticket : tickets) {
        Head& head = heads[ticket.request.entity_id];
        AuditEntry entry;
        entry.entity_type = ticket.request.entity_type;
        entry.entity_id = ticket.request.entity_id;
        entry.seq = head.seq + 1;
        entry.action = ticket.request.action;
        entry.outcome = ticket.request.allowed ? "success" : "failure";
        entry.actor = ticket.request.actor;
        entry.request_id = ticket.request.request_id;
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
