// The right to write one shard: a lock on the writing connection, and an epoch that every
// transaction checks.
//
// The lock makes a standby notice at once that the holder's connection is gone. The epoch is what
// keeps two writers apart, whatever the lock does: taking the shard raises it, and a transaction of
// an older epoch fails in its first statement. A holder that hangs keeps its lock but stops giving
// signs of life; after `silent_after` a standby ends its connection. When it wakes up it finds the
// connection gone, or at worst itself fenced off.
//
// The number of shards is part of the stored layout: a process that counts differently is refused
// (`wrong_layout`), because two layouts at once would give accounts two writers, or none.
//
// Threading: the writer's. Cost: five short statements per acquisition, one per second to keep it.
#pragma once

#include "base/log.hpp"
#include "db/connection.hpp"
#include "jetstream/cursor.hpp"
#include "jetstream/shard.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace subcults::indexer {

inline constexpr std::chrono::seconds heartbeat_every{1};

struct LeaseOptions {
    std::string consumer = "indexer";
    std::string dialect = "v1";
    jetstream::Shard shard;
    // Without a sign of life for so long, a holder is taken for hung. While the server works on a
    // statement of the holder's, the statement's own limit counts instead.
    std::chrono::seconds silent_after{6};
    std::chrono::seconds silent_at_work_after{45};
};

enum class LeaseOutcome { held, standby, unavailable, wrong_layout };

struct HostCursor {
    std::string host;
    jetstream::StoredCursor cursor;
};

class Lease {
  public:
    Lease(LeaseOptions options, Log& log);

    // On a connection that has just been made and holds nothing.
    boost::asio::awaitable<LeaseOutcome> acquire(db::Connection& connection);
    // An error with is_fenced() means that another process has the shard.
    boost::asio::awaitable<db::DbResult<void>> heartbeat(db::Connection& connection);

    // After `held`:
    std::int64_t epoch() const noexcept { return epoch_; }
    // Nobody has written since this process held the shard before.
    bool uninterrupted() const noexcept { return uninterrupted_; }
    // The last batch that anybody committed.
    const std::optional<Uuid>& last_batch() const noexcept { return last_batch_; }
    const std::vector<HostCursor>& cursors() const noexcept { return cursors_; }

    // After `wrong_layout`: what is stored.
    std::int32_t stored_shards() const noexcept { return stored_shards_; }

    const LeaseOptions& options() const noexcept { return options_; }

  private:
    boost::asio::awaitable<db::DbResult<bool>> lock(db::Connection& connection);
    boost::asio::awaitable<db::DbResult<bool>> layout_agrees(db::Connection& connection);
    boost::asio::awaitable<db::DbResult<void>> open_epoch(db::Connection& connection);
    boost::asio::awaitable<db::DbResult<void>> read_cursors(db::Connection& connection);
    LeaseOutcome report(const db::Error& error);

    LeaseOptions options_;
    Log& log_;
    std::string lock_name_;
    std::string holder_;
    std::int64_t epoch_ = 0;  // 0 = never held
    bool uninterrupted_ = false;
    std::optional<Uuid> last_batch_;
    std::vector<HostCursor> cursors_;
    std::int32_t stored_shards_ = 0;
    LogLimit eviction_log_{std::chrono::seconds(10)};
};

// Whether a transaction failed because its epoch is over.
bool is_fenced(const db::Error& error) noexcept;

}  // namespace subcults::indexer
