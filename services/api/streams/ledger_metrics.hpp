// What the ledger counts. References to the service's registry, resolved once.
#pragma once

#include "metrics/registry.hpp"
#include "streams/command.hpp"
#include "streams/ledger_effects.hpp"
#include "streams/scene_counters.hpp"

#include <array>
#include <functional>
#include <memory>

namespace subcults::api {

inline constexpr std::size_t command_kind_count = 12;
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
    metrics::Histogram& join_latency;
    metrics::Counter& latency_too_old;
    metrics::Histogram& duration_seconds;
    std::array<std::array<metrics::Counter*, ledger_outcome_labels.size()>, command_kind_count>
        commands;  // [kind][outcome]
    std::function<void(std::string_view statement, double seconds)> on_query;
    std::shared_ptr<SceneCounters> scenes;  // shared by the lanes, which share a thread

    // On the ledger's thread, after the commit.
    void count(const LedgerEffects& effects) const;

    static LedgerMetrics make(metrics::Registry& registry,
                              std::function<void(std::string_view, double)> on_query);
};

}  // namespace subcults::api
