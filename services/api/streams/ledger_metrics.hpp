// What the ledger counts. References to the service's registry, resolved once.
#pragma once

#include "metrics/registry.hpp"
#include "streams/command.hpp"

#include <array>
#include <functional>

namespace subcults::api {

inline constexpr std::size_t command_kind_count = 4;
inline constexpr std::array<std::string_view, 5> ledger_outcome_labels{
    "applied", "replayed", "refused", "failed", "unknown"};
std::size_t ledger_outcome_index(Outcome::Status status) noexcept;

struct LedgerMetrics {
    metrics::Counter& joins;
    metrics::Counter& leaves;
    metrics::Counter& batches;
    metrics::Counter& unknown_outcomes;
    metrics::Histogram& batch_commands;
    metrics::Histogram& commit_seconds;
    std::array<std::array<metrics::Counter*, ledger_outcome_labels.size()>, command_kind_count>
        commands;  // [kind][outcome]
    std::function<void(std::string_view statement, double seconds)> on_query;

    static LedgerMetrics make(metrics::Registry& registry,
                              std::function<void(std::string_view, double)> on_query);
};

}  // namespace subcults::api
