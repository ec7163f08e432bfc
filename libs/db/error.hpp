// What can go wrong when talking to PostgreSQL, in the classes that callers decide by.
#pragma once

#include "base/result.hpp"

#include <boost/assert/source_location.hpp>

#include <string>
#include <string_view>

namespace subcults::db {

enum class ErrorKind {
    unavailable,      // no connection, and nothing was sent: safe to try again elsewhere
    connection_lost,  // the connection died after something was sent: the outcome is unknown
    timeout,          // the deadline passed; the connection was dropped; the outcome is unknown
    pool_timeout,     // no connection became free before the deadline; nothing was sent
    server,           // the server answered with an SQLSTATE; the transaction did not happen
    protocol,         // an answer that makes no sense; the connection was dropped
    cancelled,        // shutting down
};

struct Error {
    ErrorKind kind = ErrorKind::unavailable;
    std::string sqlstate = {};   // five characters when kind == server; also set when the server
                                 // said why it was about to hang up (kind == connection_lost)
    std::string message = {};    // the server's primary message or libpq's; for logs, not for users
    std::string statement = {};  // name of the statement that failed, if one did

    bool is_class(std::string_view two) const noexcept {
        return kind == ErrorKind::server && std::string_view(sqlstate).substr(0, 2) == two;
    }
    // Worth the same attempt again later: connection trouble, serialization, deadlock, lock not
    // available, resources, operator intervention, system errors (08 40 53 55 57 58).
    bool transient() const noexcept;
    // What the data of a request can cause (22 23 54): without the row at fault the rest would
    // pass.
    bool of_the_data() const noexcept;
    // Nothing of the request can have taken effect.
    bool certainly_not_applied() const noexcept;
};

std::string_view to_string(ErrorKind kind) noexcept;

// For logs: kind, SQLSTATE, statement and message in one line.
std::string describe(const Error& error);

template <class T>
using DbResult = Result<T, Error>;

// Lets DbResult::value() throw (std::runtime_error with describe()); found by Boost through the
// error's namespace. For start-up and tests.
[[noreturn]] void throw_exception_from_error(const Error& error,
                                             const boost::source_location& location);

}  // namespace subcults::db
