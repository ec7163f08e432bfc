// A small pool of connections for one worker thread. Connects in the background and keeps trying
// with backoff; callers wait in line, each until its own deadline.
//
// Threading: belongs to one single-threaded io_context, like its connections.
#pragma once

#include "base/backoff.hpp"
#include "db/connection.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace subcults::db {

struct PoolOptions {
    ConnectionOptions connection;
    std::size_t size = 2;
    // Beyond this many waiters a caller is refused at once (pool_timeout): overload is answered
    // early, not after everyone has waited in vain.
    std::size_t max_waiting = 1024;
    // Between attempts to connect. Short, because a database that is back is wanted at once.
    BackoffPolicy backoff{std::chrono::milliseconds{100}, std::chrono::milliseconds{3000}};
};

struct PoolStats {
    std::size_t connected = 0;
    std::size_t in_use = 0;
    std::size_t waiting = 0;
    std::uint64_t connects = 0;
    std::uint64_t connect_failures = 0;
};

class Pool {
  public:
    Pool(boost::asio::any_io_executor executor, PoolOptions options);
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    // Starts connecting. Returns at once.
    void start();
    // Closes everything; waiting and running calls end with `cancelled`.
    void stop() noexcept;

    // A connection for one caller; returns to the pool when the lease is destroyed. A connection
    // that was closed meanwhile, or that comes back with an open transaction or an unfinished
    // operation, is replaced in the background. A lease may outlive the pool: its connection is
    // closed by then.
    class Lease {
      public:
        Lease() = default;
        explicit operator bool() const noexcept { return connection_ != nullptr; }
        Lease(Lease&& other) noexcept;
        Lease& operator=(Lease&& other) noexcept;
        ~Lease();
        Connection& operator*() const noexcept { return *connection_; }
        Connection* operator->() const noexcept { return connection_; }

      private:
        friend class Pool;
        struct Shared;
        void release() noexcept;
        std::shared_ptr<Shared> owner_;
        Connection* connection_ = nullptr;
    };
    // Waiting costs nothing while connections are free: then it returns without suspending.
    // Errors: pool_timeout (its message says why connecting fails, if it does) or cancelled.
    boost::asio::awaitable<DbResult<Lease>> acquire(Deadline deadline);

    // acquire + query. Reads are tried once more on a fresh connection when the first one turned
    // out to be dead; so use it for reads only.
    boost::asio::awaitable<DbResult<Rows>> read(Statement statement, Params params,
                                                Deadline deadline);

    // Safe from any thread.
    PoolStats stats() const noexcept;

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace subcults::db
