// What clients report about their own failures: a closed set of types and how often, nothing else.
//
//     {"errors":[{"type":"ice_failed","count":2,"stream_id":"…"}, …]}      1 to 50 of them
//     {"type":"ice_failed"}                                               a single one
//
// `count` is 1 to 100 (default 1). `stream_id` must be a UUID; it is checked and forgotten, so that
// clients need not send different reports to different versions. There is no free text: what a
// client writes ends up nowhere. Anything else is an error that names its cause.
//
// Pure function; reads the body once, without building it in memory.
#pragma once

#include "base/result.hpp"
#include "http/json_body.hpp"
#include "metrics/catalogue/streaming.hpp"

#include <array>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace subcults::api {

inline constexpr std::size_t client_error_type_count =
    std::size(metrics::catalogue::client_error_types);
inline constexpr std::size_t max_client_errors = 50;
inline constexpr std::uint64_t max_client_error_count = 100;

struct ClientErrorReport {
    std::size_t errors = 0;                                       // entries of the batch
    std::array<std::uint64_t, client_error_type_count> counts{};  // by type, in catalogue order
};

Result<ClientErrorReport, InputError> read_client_errors(std::string_view body);

}  // namespace subcults::api
