// A named SQL statement. The name is what pg_stat_activity's prepared statement and the
// `db_query_duration_seconds{statement}` series carry, so it is short, stable and unique.
#pragma once

#include <string_view>

namespace subcults::db {

// Both views are of static storage. Parameters are $1… and are sent in binary: cast each
// ($1::bigint, $2::uuid[]) so that the server expects exactly what Params sends.
struct Statement {
    std::string_view name;
    std::string_view sql;
};

}  // namespace subcults::db
