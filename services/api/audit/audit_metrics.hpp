// What the audit log counts beside sessions' chains. References to the service's registry.
#pragma once

#include "metrics/catalogue.hpp"
#include "metrics/registry.hpp"

namespace subcults::api {

struct AuditMetrics {
    metrics::Counter& entries;
    metrics::Counter& refused;
    metrics::Counter& checkpoints;
    metrics::Counter& checkpoint_failures;

    static AuditMetrics make(metrics::Registry& registry) {
        namespace catalogue = metrics::catalogue;
        return {registry.get(catalogue::audit_entries_total),
                registry.get(catalogue::audit_entries_refused_total),
                registry.get(catalogue::audit_checkpoints_total),
                registry.get(catalogue::audit_checkpoint_failures_total)};
    }
};

}  // namespace subcults::api
