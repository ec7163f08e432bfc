// Getting, keeping and losing the shard.
#include "write/writer.hpp"

#include <algorithm>

namespace subcults::indexer {

namespace asio = boost::asio;

asio::awaitable<Writer::Hold> Writer::acquire() {
    if (!reading_ && state_.phase != WriterPhase::standby) state_.phase = WriterPhase::connecting;
    auto connected = co_await connection_.connect();
    if (!connected) {
        log_.warn("cannot reach the database", {{"error", connected.error().message}});
        co_return Hold::unavailable;
    }
    const LeaseOutcome outcome = co_await lease_.acquire(connection_);
    if (outcome == LeaseOutcome::held) {
        state_.phase = WriterPhase::active;
        metrics_.index_processing.running(true);
        standby_logged_ = false;
        last_sign_of_life_ = SteadyClock::now();
        if (!reading_ || !lease_.uninterrupted()) co_return begin_reading();
        log_.info("database is back");
        co_return Hold::same;
    }
    connection_.close();
    if (outcome == LeaseOutcome::unavailable) co_return Hold::unavailable;
    backoff_.reset();
    if (outcome == LeaseOutcome::standby) co_return stand_by();
    refused_ = true;
    stand_by();
    hooks_.on_refused("INDEXER_SHARD counts " + std::to_string(lease_.options().shard.count) +
                      " shards, the database has " + std::to_string(lease_.stored_shards()) +
                      "; change it with: subcults-indexer reshard");
    co_return Hold::none;
}

// The shard is ours anew: whatever was read before belongs to another time.
Writer::Hold Writer::begin_reading() {
    log_.info(reading_ ? "another process wrote in between: starting over" : "writing this shard",
              {{"shard", lease_.options().shard.index}, {"epoch", lease_.epoch()}});
    StartPositions positions;
    positions.by_endpoint.resize(options_.hosts.size());
    std::int64_t newest = 0;
    std::int64_t elsewhere = 0;
    for (const HostCursor& stored : lease_.cursors()) {
        const std::int64_t time = stored.cursor.time_us.value_or(0);
        bool configured = false;
        for (std::size_t i = 0; i < options_.hosts.size(); ++i) {
            if (options_.hosts[i] != stored.host) continue;
            positions.by_endpoint[i] = stored.cursor;
            configured = true;
        }
        std::int64_t& best = configured ? newest : elsewhere;
        best = std::max(best, time);
    }
    if (elsewhere > newest) positions.elsewhere_us = elsewhere;
    state_.cursor_us = std::max(newest, elsewhere);
    state_.committed.set(positions.by_endpoint);
    doubt_.reset();
    drop_next();
    known_accounts_.forget();
    reading_ = true;
    positions.stream = queue_.restart();
    hooks_.on_positions(std::move(positions));
    return Hold::fresh;
}

Writer::Hold Writer::stand_by() {
    state_.phase = WriterPhase::standby;
    metrics_.index_processing.running(false);
    if (!standby_logged_) {
        log_.info("another process writes this shard: standing by",
                  {{"shard", lease_.options().shard.index}});
        standby_logged_ = true;
    }
    if (reading_) {
        reading_ = false;
        doubt_.reset();
        drop_next();
        queue_.restart();
        hooks_.on_standby();
    }
    return Hold::none;
}

// Another process has taken the shard: nothing of ours can commit on this connection any more.
void Writer::step_down() {
    log_.warn("this process was fenced off by another one");
    connection_.close();
}

asio::awaitable<void> Writer::keep_lease() {
    if (SteadyClock::now() - last_sign_of_life_ < heartbeat_every) co_return;
    last_sign_of_life_ = SteadyClock::now();
    const auto kept = co_await lease_.heartbeat(connection_);
    if (kept) co_return;
    if (is_fenced(kept.error())) {
        step_down();
        co_return;
    }
    log_.warn("cannot keep the shard", {{"kind", db::to_string(kept.error().kind)},
                                        {"sqlstate", kept.error().sqlstate},
                                        {"error", kept.error().message}});
}

}  // namespace subcults::indexer
