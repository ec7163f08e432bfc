// A registry with a value in every metric of its service, for tests that look at whole scrapes.
#pragma once

#include "metrics/catalogue.hpp"
#include "metrics/registry.hpp"

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace subcults::test {

// Puts something into every kind of metric, labels that need escaping included.
inline void fill(metrics::Registry& registry) {
    using namespace metrics;
    const Scope service = registry.service();
    int seed = 0;
    for (const Definition* definition : catalogue::all()) {
        if (!definition->exposed_by(service)) continue;
        for (int copy = 0; copy < 3; ++copy) {
            ++seed;
            const std::string free = "v\"\\\n" + std::to_string(copy);
            const auto value = [&](std::size_t i) -> std::string_view {
                const auto set = definition->labels[i].values_in(service);
                return set.empty() ? free : set[static_cast<std::size_t>(seed) % set.size()];
            };
            const auto visit = [&](auto& metric) {
                using Metric = std::remove_cvref_t<decltype(metric)>;
                if constexpr (std::is_same_v<Metric, Counter>) {
                    metric.increment(static_cast<std::uint64_t>(seed) * 1'000'003U);
                } else if constexpr (std::is_same_v<Metric, Histogram>) {
                    for (int i = 0; i < 40; ++i)
                        metric.observe(0.01 * i * seed);
                } else {
                    metric.set(seed / 7.0);
                }
            };
            const auto visit_definition = [&](const auto& typed) {
                switch (definition->labels.size()) {
                    case 0:
                        return visit(registry.get(typed));
                    case 1:
                        return visit(registry.get(typed, {value(0)}));
                    case 2:
                        return visit(registry.get(typed, {value(0), value(1)}));
                    case 3:
                        return visit(registry.get(typed, {value(0), value(1), value(2)}));
                    default:
                        throw std::logic_error("more labels than fill() knows");
                }
            };
            switch (definition->kind) {
                case Kind::counter:
                    visit_definition(static_cast<const CounterDef&>(*definition));
                    break;
                case Kind::gauge:
                    visit_definition(static_cast<const GaugeDef&>(*definition));
                    break;
                case Kind::histogram:
                    visit_definition(static_cast<const HistogramDef&>(*definition));
                    break;
                case Kind::total:
                    visit_definition(static_cast<const TotalDef&>(*definition));
                    break;
            }
        }
    }
}

}  // namespace subcults::test
