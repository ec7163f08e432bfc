// db_* series: query times by statement, the state of pools, and whether the database is there.
#pragma once

#include "db/pool.hpp"
#include "metrics/registry.hpp"
#include "service/database_health.hpp"

#include <functional>
#include <string_view>
#include <vector>

namespace subcults::service {

// For ConnectionOptions::on_query. Series are resolved once per statement; the function is not
// thread-safe, so each thread that owns connections gets one of its own.
std::function<void(std::string_view statement, double seconds)> query_observer(
    metrics::Registry& registry);

// Lets each scrape read the pools' state. The pools must outlive the registry's last rendering.
void expose_pools(metrics::Registry& registry, std::vector<const db::Pool*> pools);

// Lets each scrape read what is known of the database. `health` must outlive the last rendering.
void expose_health(metrics::Registry& registry, const DatabaseHealth& health);

}  // namespace subcults::service
