// Moves one libpq connection forward from an io_context: waits for its socket, hands it what
// arrives, watches the clock. Knows nothing of statements; connection.cpp does.
//
// Threading: one single-threaded io_context. Each coroutine here runs inside one Operation whose
// owner keeps the driver alive; close() may be called at any time and ends it with `cancelled`.
#pragma once

#include "base/time.hpp"
#include "db/conninfo.hpp"
#include "db/error.hpp"
#include "db/replies.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct pg_conn;

namespace subcults::db {

class Driver : public std::enable_shared_from_this<Driver> {
  public:
    explicit Driver(boost::asio::any_io_executor executor);
    ~Driver();
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    pg_conn* handle() const noexcept { return conn_; }
    bool open() const noexcept { return ready_; }
    bool busy() const noexcept { return busy_; }
    // The server has said that it ends this session.
    bool dying() const noexcept { return dying_; }
    const std::string& last_words() const noexcept { return last_words_; }
    int backend_pid() const noexcept;
    // Open, nothing in flight, no transaction left open, and the server has not hung up.
    bool idle() noexcept;

    void close() noexcept;

    // Looks, without waiting, whether the server has hung up since the last operation; closes the
    // connection and returns false if so. Costs one recv.
    bool alive() noexcept;

    // The numeric addresses of a host, until the deadline or close().
    boost::asio::awaitable<DbResult<std::vector<std::string>>> resolve(std::string host,
                                                                       Deadline deadline);
    // One attempt at one server. On failure nothing is left open.
    boost::asio::awaitable<DbResult<void>> attempt(Keywords keywords, Deadline deadline);
    // Gives the operation in flight a new deadline.
    void extend(Deadline deadline) { watch(deadline); }
    // An attempt's connection becomes usable for operations.
    void set_ready() noexcept { ready_ = true; }

    // Sends what libpq has queued, calls `when_sent`, and reads until `replies` is complete. An
    // error means that the connection is unusable.
    boost::asio::awaitable<std::optional<Error>> converse(
        Replies& replies, const std::function<void()>* when_sent = nullptr);
    // Waits until something arrives and lets libpq read it.
    boost::asio::awaitable<std::optional<Error>> receive();

    Error error(ErrorKind kind, std::string message) const;
    // Why the connection is lost, as far as libpq or the server's last notice says.
    Error lost() const;

  private:
    friend class Operation;
    enum class Wake { ready, expired, closed };

    void watch(Deadline deadline);
    void on_timer();
    bool bind() noexcept;
    void unbind() noexcept;
    void discard() noexcept;
    static void on_notice(void* self, const pg_result* notice) noexcept;

    boost::asio::awaitable<Wake> wait(boost::asio::posix::stream_descriptor::wait_type what);
    boost::asio::awaitable<Wake> wait_read_or_write();
    Wake woken(std::uint64_t epoch) const noexcept;
    Error interrupted(Wake wake) const;
    bool more_in_tls() const noexcept;

    boost::asio::posix::stream_descriptor descriptor_;
    boost::asio::ip::tcp::resolver resolver_;
    // Woken by cancelling: ends the wait for a name, which getaddrinfo itself cannot be asked to.
    boost::asio::steady_timer name_wait_;
    pg_conn* conn_ = nullptr;
    bool ready_ = false;
    bool busy_ = false;
    std::uint64_t epoch_ = 0;  // of the connection: a coroutine of an older one has to leave

    // One watchdog for all operations. It is set again only when it would wake too late, so a
    // query costs no timer of its own.
    boost::asio::steady_timer watchdog_;
    Deadline deadline_{};
    Deadline watchdog_at_{};
    std::uint64_t watchdog_set_ = 0;
    bool watching_ = false;
    bool expired_ = false;

    // What the server said before it hung up without being asked (shutdown, crash of a neighbour).
    bool dying_ = false;
    std::string last_words_;
    std::string last_words_sqlstate_;
};

// The scope of one operation. Leaving it without finish() (an error, an exception, a destroyed
// coroutine) closes the connection, because its state is unknown then.
class Operation {
  public:
    // Throws std::logic_error when another operation is in flight.
    Operation(Driver& driver, Deadline deadline);
    ~Operation();
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

    void finish() noexcept;
    // close() was called meanwhile (and perhaps a new connection made by somebody else).
    bool overtaken() const noexcept;

  private:
    Driver& driver_;
    std::uint64_t epoch_;
    bool finished_ = false;
};

}  // namespace subcults::db
