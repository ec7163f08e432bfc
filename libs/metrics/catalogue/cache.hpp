// Metrics of what the API keeps in memory of the database. See catalogue.hpp.
#pragma once

#include "metrics/definition.hpp"

#include <string_view>

namespace subcults::metrics::catalogue {

inline constexpr std::string_view cache_kinds[] = {"session", "scene", "trust"};
inline constexpr std::string_view cache_outcomes[] = {"hit", "miss", "joined"};
inline constexpr Label cache_reads_labels[] = {{"cache", cache_kinds}, {"outcome", cache_outcomes}};
inline constexpr CounterDef cache_reads_total{{
    .scope = Scope::api,
    .name = "cache_reads_total",
    .help = "Reads that a worker's cache may answer, by how they were answered.",
    .labels = cache_reads_labels,
    .counts = "One read: `hit` from memory, `miss` from the database, `joined` by the answer that "
              "another request was waiting for. Nothing while caches are off.",
}};

inline constexpr std::string_view cache_sources[] = {"local", "remote", "trust_graph", "flush"};
inline constexpr Label cache_invalidation_labels[] = {{"source", cache_sources}};
inline constexpr CounterDef cache_invalidations_total{{
    .scope = Scope::api,
    .name = "cache_invalidations_total",
    .help = "Invalidations of cached values, by where the change came from.",
    .labels = cache_invalidation_labels,
    .counts = "`local` and `remote`: one row, changed by this process or by another one; several "
              "changes that were told together count once. `trust_graph`: the indexer has changed "
              "what trust depends on. `flush`: everything, because notifications may be lost.",
}};

inline constexpr const Definition* cache_metrics[] = {&cache_reads_total,
                                                      &cache_invalidations_total};

}  // namespace subcults::metrics::catalogue
