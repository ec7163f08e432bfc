// Reports as JSON and as CSV. Pure.
#pragma once

#include "reports/report_queries.hpp"

#include <string>

namespace subcults::api::reports {

// {"scene_id","period","from","to","computed_until","reports":[…]}; scene_id is null for all scenes
// together.
std::string reports_json(const Reports& reports);

// A header line, then one line per report, in the order of the columns; \r\n at the end of each.
// Absent numbers are empty. No field can hold a comma, a quotation mark or a formula.
std::string reports_csv(const Reports& reports);

}  // namespace subcults::api::reports
