// Pages and single chains. Walking over all of them is in audit_walk.cpp.
#include "audit/audit_queries.hpp"

#include "audit/audit_walk_sql.hpp"

#include <algorithm>
#include <limits>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

#define SUBCULTS_AUDIT_PAGE(from, condition)                                               \
    "SELECT " SUBCULTS_AUDIT_COLUMNS " FROM " from " WHERE " condition                     \
    " AND (a.entity_id, a.seq) > ($1::uuid, $2::bigint) ORDER BY a.entity_id, a.seq LIMIT" \
    " $3::bigint"

constexpr db::Statement list_all{"audit_list_all", SUBCULTS_AUDIT_PAGE("audit_logs a", "true")};
constexpr db::Statement list_sessions{
    "audit_list_sessions", SUBCULTS_AUDIT_PAGE("audit_logs a", "a.entity_type = $4::text")};
// Whatever is no session has a head of its own: found by it, not among all the joins.
constexpr db::Statement list_type{
    "audit_list_type",
    SUBCULTS_AUDIT_PAGE("audit_heads h JOIN audit_logs a ON a.entity_id = h.entity_id",
                        "h.entity_type = $4::text AND a.entity_type = $4::text")};
constexpr db::Statement list_entity{
    "audit_list_entity", "SELECT " SUBCULTS_AUDIT_COLUMNS
                         " FROM audit_logs a WHERE a.entity_id = $1::uuid"
                         " AND a.seq > $2::bigint AND ($4::text = '' OR a.entity_type = $4::text)"
                         " ORDER BY a.seq LIMIT $3::bigint"};

#undef SUBCULTS_AUDIT_PAGE

constexpr db::Statement recent{
    "audit_recent",
    "(SELECT id FROM stream_sessions WHERE ended_at IS NULL"
    "  ORDER BY started_at DESC, id DESC LIMIT $1::bigint)"
    " UNION ALL (SELECT id FROM stream_sessions WHERE ended_at IS NOT NULL"
    "  ORDER BY started_at DESC, id DESC LIMIT $1::bigint)"
    " UNION ALL (SELECT entity_id FROM audit_heads ORDER BY head_at DESC LIMIT $1::bigint)"};

constexpr std::int64_t proof_page = 2000;
constexpr std::int64_t before_all = std::numeric_limits<std::int64_t>::min();

}  // namespace

std::string AuditPosition::encode() const {
    std::string bytes(reinterpret_cast<const char*>(entity.bytes.data()), entity.bytes.size());
    const auto value = static_cast<std::uint64_t>(seq);
    for (int shift = 56; shift >= 0; shift -= 8)
        bytes.push_back(static_cast<char>((value >> shift) & 0xff));
    return base64url(bytes);
}

std::optional<AuditPosition> AuditPosition::decode(std::string_view text) {
    constexpr std::size_t encoded_length = 32;  // 24 bytes
    if (text.size() != encoded_length) return std::nullopt;
    const auto bytes = from_base64url(text);
    if (!bytes || bytes->size() != 24) return std::nullopt;
    AuditPosition position;
    std::transform(bytes->begin(), bytes->begin() + 16, position.entity.bytes.begin(),
                   [](char c) { return static_cast<std::uint8_t>(c); });
    std::uint64_t value = 0;
    for (std::size_t i = 16; i < 24; ++i)
        value = (value << 8) | static_cast<unsigned char>((*bytes)[i]);
    position.seq = static_cast<std::int64_t>(value);
    return position;
}

asio::awaitable<db::DbResult<AuditPage>> list_entries(db::Pool& pool, AuditFilter filter,
                                                      std::optional<AuditPosition> after, int limit,
                                                      Deadline deadline) {
    AuditPosition from;
    from.seq = before_all;
    if (after) from = *after;
    db::Statement statement = list_all;
    if (filter.entity) {
        statement = list_entity;
        // A cursor of another listing does not lead out of the chain that was asked for.
        if (from.entity != *filter.entity) from.seq = before_all;
        from.entity = *filter.entity;
    } else if (filter.entity_type == "stream_session") {
        statement = list_sessions;
    } else if (!filter.entity_type.empty()) {
        statement = list_type;
    }
    db::Params params;
    params.uuid(from.entity).int8(from.seq).int8(limit + 1);  // one more tells of more
    if (filter.entity || !filter.entity_type.empty()) params.text(filter.entity_type);
    auto rows = co_await pool.read(statement, std::move(params), deadline);
    if (!rows) co_return rows.error();
    AuditPage page;
    const int shown = std::min(rows->size(), limit);
    if (shown > 0) {
        page.last_ended = rows->size() == shown || rows->uuid(shown, 0) != rows->uuid(shown - 1, 0);
    }
    for (int row = 0; row < shown; ++row)
        page.entries.push_back(stored_entry(*rows, row));
    if (rows->size() > limit) {
        AuditPosition next;
        next.entity = page.entries.back().entity_id;
        next.seq = page.entries.back().seq;
        page.next = next;
    }
    co_return page;
}

asio::awaitable<db::DbResult<void>> begin_snapshot(db::Connection& connection,
                                                   SteadyClock::duration limit) {
    auto deadline = deadline_in(limit);
    auto begun =
        co_await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", deadline);
    co_return begun;
}

asio::awaitable<db::DbResult<void>> end_snapshot(db::Connection& connection,
                                                 SteadyClock::duration limit) {
    auto deadline = deadline_in(limit);
    auto ended = co_await connection.execute("COMMIT", deadline);
    co_return ended;
}

asio::awaitable<db::DbResult<std::optional<ChainHead>>> find_head(db::Connection& connection,
                                                                  Uuid entity,
                                                                  SteadyClock::duration limit) {
    const std::vector<Uuid> ids{entity};
    db::Params params;
    params.uuid_array(ids);
    auto deadline = deadline_in(limit);
    auto rows = co_await connection.query(audit_sql::heads, std::move(params), deadline);
    if (!rows) co_return rows.error();
    std::optional<ChainHead> head;
    if (!rows->empty()) head = read_head(*rows, 0);
    if (rows->size() > 1) head->twice = true;
    co_return head;
}

asio::awaitable<db::DbResult<std::vector<StoredEntry>>> read_chain(db::Connection& connection,
                                                                   Uuid entity, std::int64_t after,
                                                                   std::int64_t count,
                                                                   SteadyClock::duration limit) {
    db::Params params;
    params.uuid(entity).int8(after).int8(count);
    auto deadline = deadline_in(limit);
    auto rows = co_await connection.query(audit_sql::chain, std::move(params), deadline);
    if (!rows) co_return rows.error();
    std::vector<StoredEntry> entries;
    for (int row = 0; row < rows->size(); ++row)
        entries.push_back(stored_entry(*rows, row));
    co_return entries;
}

namespace {

// Where the stored checkpoints know the chain otherwise than it is.
asio::awaitable<db::DbResult<std::vector<AuditFinding>>> find_list_mistakes(
    db::Connection& connection, Uuid entity, SteadyClock::duration limit) {
    db::Params params;
    params.uuid(entity).int8(audit_sql::max_mistakes);
    auto deadline = deadline_in(limit);
    auto rows = co_await connection.query(audit_sql::list_mistakes, std::move(params), deadline);
    if (!rows) co_return rows.error();
    std::vector<AuditFinding> found;
    for (int row = 0; row < rows->size(); ++row) {
        const CheckpointVerifier::Listed listed = read_listed(*rows, row);
        std::optional<UnixMicros> at;
        if (!rows->is_null(row, 5)) at = rows->timestamptz(row, 5);
        auto wrong = CheckpointVerifier::mistake(listed, rows->int8(row, 4), at);
        if (!wrong) continue;
        AuditFinding finding;
        finding.entity = entity;
        finding.seq = listed.head.seq;
        finding.what = std::move(*wrong);
        found.push_back(std::move(finding));
    }
    co_return found;
}

}  // namespace

asio::awaitable<db::DbResult<void>> verify_chain(db::Connection& connection, PrivacyKeys& keys,
                                                 Uuid entity, std::int64_t max_entries,
                                                 SteadyClock::duration limit,
                                                 VerifyReport& report) {
    auto head = co_await find_head(connection, entity, limit);
    if (!head) co_return head.error();
    std::int64_t after = 0;
    if (*head && (*head)->seq > max_entries) after = (*head)->seq - max_entries - 1;
    if (after > 0) report.complete = false;
    ChainVerifier verifier(keys, entity, after);
    std::int64_t position = after > 0 ? after : before_all;
    bool more = true;
    while (more && verifier.entries() <= max_entries + proof_page) {
        auto entries = co_await read_chain(connection, entity, position, proof_page, limit);
        if (!entries) co_return entries.error();
        for (const StoredEntry& entry : *entries)
            verifier.add(entry);
        more = static_cast<std::int64_t>(entries->size()) == proof_page;
        if (!entries->empty()) position = entries->back().seq;
    }
    if (more) report.complete = false;
    auto mistakes = co_await find_list_mistakes(connection, entity, limit);
    if (!mistakes) co_return mistakes.error();
    if (!*head && verifier.entries() == 0 && mistakes->empty()) co_return db::DbResult<void>();
    const ChainHead* known = *head ? &**head : nullptr;
    verifier.finish(known);
    report.add(verifier);
    report.findings.insert(report.findings.end(), mistakes->begin(), mistakes->end());
    co_return db::DbResult<void>();
}

asio::awaitable<db::DbResult<void>> verify_recent(db::Connection& connection, PrivacyKeys& keys,
                                                  std::int64_t chains, std::int64_t max_entries,
                                                  SteadyClock::duration limit,
                                                  VerifyReport& report) {
    db::Params params;
    params.int8(chains);
    auto deadline = deadline_in(limit);
    auto rows = co_await connection.query(recent, std::move(params), deadline);
    if (!rows) co_return rows.error();
    report.complete = false;  // whatever else there is was not looked at
    for (int row = 0; row < rows->size(); ++row) {
        const std::int64_t left = max_entries - report.entries;
        if (left <= 0) break;
        const Uuid entity = rows->uuid(row, 0);
        auto verified = co_await verify_chain(connection, keys, entity, left, limit, report);
        if (!verified) co_return verified.error();
    }
    co_return db::DbResult<void>();
}

std::vector<db::Statement> audit_statements() {
    return {list_all,
            list_sessions,
            list_type,
            list_entity,
            recent,
            audit_sql::heads,
            audit_sql::chain,
            audit_sql::walk,
            audit_sql::lost_heads,
            audit_sql::stored_checkpoints,
            audit_sql::checkpoint_heads,
            audit_sql::list_mistakes,
            audit_sql::stray_heads,
            audit_sql::uncovered};
}

}  // namespace subcults::api
