// How reads of one kind were answered, resolved once per kind.
#pragma once

#include "metrics/catalogue.hpp"
#include "metrics/registry.hpp"

#include <string_view>

namespace subcults::api {

struct CacheMetrics {
    metrics::Counter& hits;
    metrics::Counter& misses;
    metrics::Counter& joined;

    // `cache`: session, scene or trust.
    static CacheMetrics make(metrics::Registry& registry, std::string_view cache) {
        const auto& reads = metrics::catalogue::cache_reads_total;
        return {registry.get(reads, {cache, "hit"}), registry.get(reads, {cache, "miss"}),
                registry.get(reads, {cache, "joined"})};
    }
};

}  // namespace subcults::api
