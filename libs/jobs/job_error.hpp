// What went wrong in a run of a background job, in the seven categories that its metrics know.
// Pure functions; nothing here throws but for lack of memory.
#pragma once

#include "db/error.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace subcults::jobs {

// In the order of metrics::catalogue::job_error_types.
enum class ErrorType : std::uint8_t {
    timeout,            // the run took longer than it may, or its process hung
    database_error,     // PostgreSQL refused, was slow or was away
    network_error,      // somebody else's server refused, was slow or was away
    validation_error,   // what was read does not make sense
    permission_denied,  // a credential or privilege is missing
    recompute_error,    // trust could not be computed
    not_found,          // what the run was about is not there
};
inline constexpr std::size_t error_type_count = 7;

std::string_view to_string(ErrorType type) noexcept;

// 42501 and class 28 are permission_denied, classes 22 and 23 (what data can cause) are
// validation_error, all else is database_error.
ErrorType classify(const db::Error& error) noexcept;

// Of an answer by another server: 401 and 403 are permission_denied, 404 and 410 not_found, other
// 4xx but 408 and 429 validation_error, all else (also 0 = none came) network_error.
ErrorType classify_status(unsigned http_status) noexcept;

// Kind, SQLSTATE and statement: what may be stored and shown. The server's own message is left out,
// because it may quote data.
std::string brief(const db::Error& error);

}  // namespace subcults::jobs
