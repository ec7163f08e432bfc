#include "maintenance/reshard.hpp"

namespace subcults::indexer {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds statement_limit{30};

constexpr db::Statement lock_layout{
    "indexer_lock_layout",
    "SELECT shards FROM indexer_layouts WHERE consumer = $1::text FOR UPDATE"};

constexpr db::Statement lock_shards{
    "indexer_lock_all_shards",
    "SELECT shard, holder, heartbeat_at > clock_timestamp() - interval '10 seconds'"
    " FROM indexer_shards WHERE consumer = $1::text ORDER BY shard FOR UPDATE"};

// Deletes what the old shards had reached and returns, per dialect and server, where all new ones
// start: a shard stands at its newest position wherever that is from, and the last of them counts.
constexpr db::Statement take_cursors{
    "indexer_take_cursors",
    "WITH gone AS (DELETE FROM jetstream_cursors WHERE consumer = $1::text"
    " RETURNING dialect, host, shard, time_us),"
    " reached AS (SELECT dialect, shard, max(time_us) AS time_us FROM gone GROUP BY 1, 2),"
    " start AS (SELECT dialect, min(time_us) AS time_us FROM reached GROUP BY 1)"
    " SELECT DISTINCT g.dialect, g.host, s.time_us FROM gone g JOIN start s USING (dialect)"
    " WHERE s.time_us IS NOT NULL"};

constexpr db::Statement put_cursor{
    "indexer_put_cursor",
    "INSERT INTO jetstream_cursors (consumer, dialect, host, shard, time_us)"
    " SELECT $1::text, $2::text, $3::text, n, $4::bigint FROM generate_series(0, $5::int - 1) n"};

constexpr db::Statement end_epochs{
    "indexer_end_epochs",
    "UPDATE indexer_shards SET epoch = epoch + 1, batch_id = NULL WHERE consumer = $1::text"};

constexpr db::Statement put_layout{
    "indexer_put_layout",
    "INSERT INTO indexer_layouts AS l (consumer, shards) VALUES ($1::text, $2::int)"
    " ON CONFLICT (consumer) DO UPDATE SET shards = EXCLUDED.shards,"
    " generation = l.generation + 1, changed_at = now()"};

db::Params of_consumer(std::string_view consumer) {
    db::Params params;
    params.text(consumer);
    return params;
}

std::string running(const db::Rows& shards) {
    for (int row = 0; row < shards.size(); ++row) {
        if (!shards.boolean(row, 2)) continue;
        return "shard " + std::to_string(shards.int4(row, 0)) + " is being written by " +
               std::string(shards.text(row, 1)) + ": stop every indexer first";
    }
    return {};
}

asio::awaitable<Result<ResharedLayout, std::string>> in_transaction(db::Connection& connection,
                                                                    std::string consumer,
                                                                    std::int32_t count) {
    ResharedLayout result;
    result.after = count;
    auto deadline = deadline_in(statement_limit);
    auto params = of_consumer(consumer);
    auto layout = co_await connection.query(lock_layout, std::move(params), deadline);
    if (!layout) co_return db::describe(layout.error());
    if (!layout->empty()) result.before = layout->int4(0, 0);

    params = of_consumer(consumer);
    auto shards = co_await connection.query(lock_shards, std::move(params), deadline);
    if (!shards) co_return db::describe(shards.error());
    if (std::string objection = running(*shards); !objection.empty()) co_return objection;

    params = of_consumer(consumer);
    auto taken = co_await connection.query(take_cursors, std::move(params), deadline);
    if (!taken) co_return db::describe(taken.error());
    for (int row = 0; row < taken->size(); ++row) {
        params = of_consumer(consumer);
        params.text(taken->text(row, 0))
            .text(taken->text(row, 1))
            .int8(taken->int8(row, 2))
            .int4(count);
        auto put = co_await connection.query(put_cursor, std::move(params), deadline);
        if (!put) co_return db::describe(put.error());
        result.cursors += put->affected();
    }

    params = of_consumer(consumer);
    auto ended = co_await connection.query(end_epochs, std::move(params), deadline);
    if (!ended) co_return db::describe(ended.error());
    params = of_consumer(consumer);
    params.int4(count);
    auto changed = co_await connection.query(put_layout, std::move(params), deadline);
    if (!changed) co_return db::describe(changed.error());
    co_return result;
}

}  // namespace

std::vector<db::Statement> reshard_statements() {
    return {lock_layout, lock_shards, take_cursors, put_cursor, end_epochs, put_layout};
}

asio::awaitable<Result<ResharedLayout, std::string>> reshard(db::Connection& connection,
                                                             std::string consumer,
                                                             std::int32_t shards) {
    auto deadline = deadline_in(statement_limit);
    auto begun = co_await connection.execute("BEGIN", deadline);
    if (!begun) co_return db::describe(begun.error());
    auto result = co_await in_transaction(connection, std::move(consumer), shards);
    deadline = deadline_in(statement_limit);
    auto ended = co_await connection.execute(result ? "COMMIT" : "ROLLBACK", deadline);
    if (result && !ended) co_return db::describe(ended.error());
    co_return result;
}

}  // namespace subcults::indexer
