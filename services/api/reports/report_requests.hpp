// What is asked of GET /reports, read and checked. Pure.
#pragma once

#include "http/json_body.hpp"
#include "net/http_message.hpp"
#include "reports/report_queries.hpp"

namespace subcults::api::reports {

enum class Format : std::uint8_t { json, csv };

struct ReportsRequest {
    Reports asked;  // without answers
    Format format = Format::json;
};

// scene_id   absent = all scenes together
// period     hour or day; day when absent
// from, to   RFC 3339; when absent `to` is now, and `from` lies 7 days (hours: 48 hours) before it.
//            From one to the other at most 31 days by the hour, 366 by the day
// format     json or csv
Result<ReportsRequest, InputError> read_reports(const net::Request& request, UnixMicros now);

}  // namespace subcults::api::reports
