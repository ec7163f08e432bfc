#include "service/db_metrics.hpp"

#include "metrics/catalogue.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <string>

namespace subcults::service {

namespace catalogue = metrics::catalogue;

std::function<void(std::string_view, double)> query_observer(metrics::Registry& registry) {
    using Series = std::map<std::string, metrics::Histogram*, std::less<>>;
    auto series = std::make_shared<Series>();
    return [&registry, series](std::string_view statement, double seconds) {
        auto found = series->find(statement);
        if (found == series->end()) {
            metrics::Histogram& histogram =
                registry.get(catalogue::db_query_duration_seconds, {statement});
            found = series->emplace(std::string(statement), &histogram).first;
        }
        found->second->observe(seconds);
    };
}

void expose_pools(metrics::Registry& registry, std::vector<const db::Pool*> pools) {
    metrics::Gauge& in_use = registry.get(catalogue::db_pool_connections, {"in_use"});
    metrics::Gauge& idle = registry.get(catalogue::db_pool_connections, {"idle"});
    metrics::Gauge& waiting = registry.get(catalogue::db_pool_waiting);
    metrics::Total& connects = registry.get(catalogue::db_connects_total);
    metrics::Total& failures = registry.get(catalogue::db_connect_failures_total);
    registry.before_collect([&, pools = std::move(pools)] {
        db::PoolStats sum;
        for (const db::Pool* pool : pools) {
            const db::PoolStats stats = pool->stats();
            sum.connected += stats.connected;
            sum.in_use += stats.in_use;
            sum.waiting += stats.waiting;
            sum.connects += stats.connects;
            sum.connect_failures += stats.connect_failures;
        }
        in_use.set(static_cast<double>(sum.in_use));
        idle.set(static_cast<double>(sum.connected - std::min(sum.in_use, sum.connected)));
        waiting.set(static_cast<double>(sum.waiting));
        connects.set(static_cast<double>(sum.connects));
        failures.set(static_cast<double>(sum.connect_failures));
    });
}

void expose_health(metrics::Registry& registry, const DatabaseHealth& health) {
    metrics::Gauge& ready = registry.get(catalogue::db_ready);
    registry.before_collect([&] { ready.set(health.state() == DatabaseState::ready ? 1 : 0); });
}

}  // namespace subcults::service
