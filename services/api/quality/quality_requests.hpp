// What is asked of the quality endpoints beside reports: query parameters, read and checked.
#pragma once

#include "http/json_body.hpp"
#include "net/http_message.hpp"

namespace subcults::api::quality {

inline constexpr int most_metrics = 1000;
inline constexpr int most_minutes = 60;

// `limit`: 1 to 1000, 100 when absent.
Result<int, InputError> read_limit(const net::Request& request);
// `since_minutes`: 1 to 60, 5 when absent.
Result<int, InputError> read_since_minutes(const net::Request& request);

}  // namespace subcults::api::quality
