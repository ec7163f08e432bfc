// db_* series: query times by statement, and the state of pools.
#pragma once

#include "db/pool.hpp"
#include "metrics/registry.hpp"

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

}  // namespace subcults::service
