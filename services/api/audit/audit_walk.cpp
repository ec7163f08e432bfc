// Verifying everything: all chains in the order of their keys, then heads that no chain belongs to,
// then the checkpoints.
#include "audit/audit_walk_sql.hpp"

#include <limits>
#include <map>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t page_entries = 5000;
constexpr std::int64_t max_lost_heads = 10'000;
constexpr std::int64_t page_checkpoints = 500;

// Chains whose entries have all been seen, waiting for their heads.
using Seen = std::vector<ChainVerifier>;

asio::awaitable<db::DbResult<void>> finish(db::Connection& connection, Seen& seen,
                                           SteadyClock::duration limit, VerifyReport& report,
                                           const std::vector<Uuid>& ids) {
    if (seen.empty()) co_return db::DbResult<void>();
    db::Params params;
    params.uuid_array(ids);
    auto deadline = deadline_in(limit);
    auto rows = co_await connection.query(audit_sql::heads, std::move(params), deadline);
    if (!rows) co_return rows.error();
    std::map<Uuid, ChainHead> heads;
    for (int row = 0; row < rows->size(); ++row) {
        const auto [head, added] = heads.try_emplace(rows->uuid(row, 0), read_head(*rows, row));
        if (!added) head->second.twice = true;
    }
    for (std::size_t i = 0; i < seen.size(); ++i) {
        const auto head = heads.find(ids[i]);
        seen[i].finish(head == heads.end() ? nullptr : &head->second);
        report.add(seen[i]);
    }
    seen.clear();
    co_return db::DbResult<void>();
}

asio::awaitable<db::DbResult<void>> find_lost_heads(db::Connection& connection, PrivacyKeys& keys,
                                                    SteadyClock::duration limit,
                                                    VerifyReport& report) {
    db::Params params;
    params.int8(max_lost_heads);
    auto deadline = deadline_in(limit);
    auto rows = co_await connection.query(audit_sql::lost_heads, std::move(params), deadline);
    if (!rows) co_return rows.error();
    for (int row = 0; row < rows->size(); ++row) {
        const ChainHead head = read_head(*rows, row);
        ChainVerifier empty(keys, rows->uuid(row, 0));
        empty.finish(&head);
        report.add(empty);
    }
    if (rows->size() == max_lost_heads) report.complete = false;
    co_return db::DbResult<void>();
}

// Emptying is no edit that a hash shows, so it is counted. An erasure that failed half-way tells of
// more than it emptied.
void compare_erasures(VerifyReport& report, std::int64_t emptied, std::int64_t told,
                      std::string_view name) {
    if (emptied <= told) return;
    AuditFinding finding;
    finding.what = "entries without their " + std::string(name) + ": " + std::to_string(emptied) +
                   ", but erasures tell of " + std::to_string(told);
    report.findings.push_back(std::move(finding));
}

asio::awaitable<db::DbResult<void>> find_strays(db::Connection& connection,
                                                SteadyClock::duration limit,
                                                CheckpointVerifier& verifier) {
    db::Params params;
    params.int8(audit_sql::max_mistakes);
    auto deadline = deadline_in(limit);
    auto rows = co_await connection.query(audit_sql::stray_heads, std::move(params), deadline);
    if (!rows) co_return rows.error();
    for (int row = 0; row < rows->size(); ++row)
        verifier.add_stray(read_listed(*rows, row), rows->int8(row, 4));
    co_return db::DbResult<void>();
}

asio::awaitable<db::DbResult<void>> find_uncovered(db::Connection& connection,
                                                   SteadyClock::duration limit,
                                                   CheckpointVerifier& verifier) {
    const auto& newest = verifier.newest();
    // A full one leaves others behind for the next one.
    if (!newest || newest->heads >= max_checkpoint_heads) co_return db::DbResult<void>();
    db::Params params;
    params.timestamptz(UnixMicros{newest->at.value - checkpoint_margin_us})
        .int8(audit_sql::max_mistakes);
    auto deadline = deadline_in(limit);
    auto rows = co_await connection.query(audit_sql::uncovered, std::move(params), deadline);
    if (!rows) co_return rows.error();
    for (int row = 0; row < rows->size(); ++row)
        verifier.add_uncovered(rows->uuid(row, 0), rows->int8(row, 1));
    co_return db::DbResult<void>();
}

}  // namespace

ChainHead read_head(const db::Rows& rows, int row) {
    ChainHead head;
    head.seq = rows.int8(row, 1);
    head.hash = rows.bytea(row, 2);
    if (!rows.is_null(row, 3)) head.joins = rows.int8(row, 3);
    if (!rows.is_null(row, 4)) head.leaves = rows.int8(row, 4);
    head.at = rows.timestamptz(row, 5);
    head.entity_type = std::string(rows.text(row, 6));
    return head;
}

Checkpoint read_checkpoint(const db::Rows& rows, int row) {
    Checkpoint checkpoint;
    checkpoint.number = rows.int8(row, 0);
    checkpoint.at = rows.timestamptz(row, 1);
    checkpoint.heads = rows.int8(row, 2);
    checkpoint.root = rows.bytea(row, 3);
    checkpoint.previous_root = rows.bytea(row, 4);
    checkpoint.kid = rows.int8(row, 5);
    checkpoint.signature = rows.bytea(row, 6);
    return checkpoint;
}

CheckpointVerifier::Listed read_listed(const db::Rows& rows, int row) {
    CheckpointVerifier::Listed listed;
    listed.head.entity = rows.uuid(row, 0);
    listed.head.seq = rows.int8(row, 1);
    listed.head.hash = rows.bytea(row, 2);
    if (!rows.is_null(row, 3)) listed.today = std::string(rows.bytea(row, 3));
    return listed;
}

asio::awaitable<db::DbResult<void>> verify_all(db::Connection& connection, PrivacyKeys& keys,
                                               SteadyClock::duration limit, VerifyReport& report) {
    AuditPosition position;
    position.seq = std::numeric_limits<std::int64_t>::min();
    std::optional<ChainVerifier> current;
    Uuid current_id;
    for (;;) {
        db::Params params;
        params.uuid(position.entity).int8(position.seq).int8(page_entries);
        auto deadline = deadline_in(limit);
        auto rows = co_await connection.query(audit_sql::walk, std::move(params), deadline);
        if (!rows) co_return rows.error();
        Seen seen;
        std::vector<Uuid> ids;
        for (int row = 0; row < rows->size(); ++row) {
            const StoredEntry entry = stored_entry(*rows, row);
            if (!current || current_id != entry.entity_id) {
                if (current) {
                    seen.push_back(std::move(*current));
                    ids.push_back(current_id);
                }
                current.emplace(keys, entry.entity_id);
                current_id = entry.entity_id;
            }
            current->add(entry);
            position.entity = entry.entity_id;
            position.seq = entry.seq;
        }
        const bool last = rows->size() < page_entries;
        if (last && current) {
            seen.push_back(std::move(*current));
            ids.push_back(current_id);
        }
        auto finished = co_await finish(connection, seen, limit, report, ids);
        if (!finished) co_return finished.error();
        if (last) break;
    }
    auto searched = co_await find_lost_heads(connection, keys, limit, report);
    if (!searched) co_return searched.error();
    compare_erasures(report, report.emptied.actors, report.told.actors, "actor");
    compare_erasures(report, report.emptied.targets, report.told.targets, "target");
    co_return searched;
}

asio::awaitable<db::DbResult<void>> verify_checkpoints(db::Connection& connection,
                                                       SteadyClock::duration limit,
                                                       CheckpointVerifier& verifier) {
    constexpr std::int64_t last_number = std::numeric_limits<std::int64_t>::max();
    std::int64_t next = std::numeric_limits<std::int64_t>::min();
    for (bool more = true; more;) {
        db::Params params;
        params.int8(next).int8(page_checkpoints);
        auto deadline = deadline_in(limit);
        auto rows =
            co_await connection.query(audit_sql::stored_checkpoints, std::move(params), deadline);
        if (!rows) co_return rows.error();
        more = rows->size() == page_checkpoints;
        for (int row = 0; row < rows->size(); ++row) {
            const Checkpoint checkpoint = read_checkpoint(*rows, row);
            db::Params which;
            which.int8(checkpoint.number);
            auto until = deadline_in(limit);
            auto listed =
                co_await connection.query(audit_sql::checkpoint_heads, std::move(which), until);
            if (!listed) co_return listed.error();
            std::vector<CheckpointVerifier::Listed> heads;
            for (int i = 0; i < listed->size(); ++i)
                heads.push_back(read_listed(*listed, i));
            verifier.add_stored(checkpoint, heads);
            if (checkpoint.number == last_number) {
                more = false;
            } else {
                next = checkpoint.number + 1;
            }
        }
    }
    auto searched = co_await find_strays(connection, limit, verifier);
    if (!searched) co_return searched.error();
    searched = co_await find_uncovered(connection, limit, verifier);
    if (!searched) co_return searched.error();
    co_return db::DbResult<void>();
}

}  // namespace subcults::api
