// Metrics of the services' use of PostgreSQL. See catalogue.hpp.
#pragma once

#include "metrics/definition.hpp"

#include <string_view>

namespace subcults::metrics::catalogue {

inline constexpr std::string_view db_query_bounds[] = {"0.0005", "0.001", "0.0025", "0.005", "0.01",
                                                       "0.025",  "0.05",  "0.1",    "0.25",  "0.5",
                                                       "1",      "2.5",   "5",      "10"};
inline constexpr Label db_query_labels[] = {{"statement"}};
inline constexpr HistogramDef db_query_duration_seconds{{
    .name = "db_query_duration_seconds",
    .help = "Seconds from sending a statement to the end of its result.",
    .labels = db_query_labels,
    .bounds = db_query_bounds,
    .counts = "One sample per statement executed, failed ones included. `statement` is the name "
              "that the statement has in the code, never its text.",
    .bounded_by = "the named statements of the service",
}};

inline constexpr std::string_view db_connection_states[] = {"in_use", "idle"};
inline constexpr Label db_pool_labels[] = {{"state", db_connection_states}};
inline constexpr GaugeDef db_pool_connections{{
    .name = "db_pool_connections",
    .help = "Open database connections of the pools, by state.",
    .labels = db_pool_labels,
    .counts = "Read at each scrape, over the pools that the API answers requests from; 0 in the "
              "indexer. Connections of the ledger, of jobs and of whatever else is busy in the "
              "background are left out.",
}};

inline constexpr GaugeDef db_pool_waiting{{
    .name = "db_pool_waiting",
    .help = "Callers that wait for a database connection.",
    .counts = "Read at each scrape, over the same pools.",
}};

inline constexpr TotalDef db_connects_total{{
    .name = "db_connects_total",
    .help = "Database connections opened.",
    .counts = "Read at each scrape, over the same pools: connections that became usable, the first "
              "ones included.",
}};

inline constexpr TotalDef db_connect_failures_total{{
    .name = "db_connect_failures_total",
    .help = "Failed attempts to open a database connection.",
    .counts = "Read at each scrape, over the same pools. Without requests none may be made: "
              "`db_ready` tells.",
}};

inline constexpr GaugeDef db_ready{{
    .name = "db_ready",
    .help = "Whether the database can be worked with: 1 or 0.",
    .counts = "Read at each scrape: the last answer of a connection that asks every second, with "
              "traffic or without. 1 when the database answers and has a schema that this binary "
              "knows, as for readiness; an answer older than five seconds is 0.",
}};

inline constexpr const Definition* database_metrics[] = {
    &db_query_duration_seconds, &db_pool_connections,       &db_pool_waiting,
    &db_connects_total,         &db_connect_failures_total, &db_ready,
};

}  // namespace subcults::metrics::catalogue
