#include "streams/ledger_metrics.hpp"

#include "metrics/catalogue.hpp"

namespace subcults::api {

std::size_t ledger_outcome_index(Outcome::Status status) noexcept {
    switch (status) {
        case Outcome::Status::applied:
            return 0;
        case Outcome::Status::replayed:
            return 1;
        case Outcome::Status::not_found:
        case Outcome::Status::gone:
        case Outcome::Status::ended:
        case Outcome::Status::unknown_participant:
        case Outcome::Status::forbidden:
        case Outcome::Status::locked:
        case Outcome::Status::kicked:
        case Outcome::Status::target_is_host:
        case Outcome::Status::no_livekit:
        case Outcome::Status::already_active:
        case Outcome::Status::key_reused:
        case Outcome::Status::unavailable:
            return 2;
        case Outcome::Status::failed:
            return 3;
        case Outcome::Status::outcome_unknown:
            return 4;
    }
    return 3;
}

void LedgerMetrics::count(const LedgerEffects& effects) const {
    for (const double seconds : effects.latencies)
        join_latency.observe(seconds);
    if (effects.latencies_too_old > 0) latency_too_old.increment(effects.latencies_too_old);
    for (const double seconds : effects.durations)
        duration_seconds.observe(seconds);
    if (effects.by_scene.empty()) return;
    const auto now = SteadyClock::now();
    for (const auto& [scene, visits] : effects.by_scene)
        scenes->count(scene, visits, now);
}

LedgerMetrics LedgerMetrics::make(metrics::Registry& registry,
                                  std::function<void(std::string_view, double)> on_query) {
    namespace catalogue = metrics::catalogue;
    LedgerMetrics made{registry.get(catalogue::stream_joins_total),
                       registry.get(catalogue::stream_leaves_total),
                       registry.get(catalogue::ledger_batches_total),
                       registry.get(catalogue::ledger_unknown_outcomes_total),
                       registry.get(catalogue::ledger_batch_commands),
                       registry.get(catalogue::ledger_commit_seconds),
                       registry.get(catalogue::stream_join_latency_seconds),
                       registry.get(catalogue::stream_join_latency_rejected_total, {"too_old"}),
                       registry.get(catalogue::stream_duration_seconds),
                       {},
                       std::move(on_query),
                       std::make_shared<SceneCounters>(registry)};
    for (std::size_t kind = 0; kind < command_kind_count; ++kind) {
        for (std::size_t outcome = 0; outcome < ledger_outcome_labels.size(); ++outcome) {
            made.commands[kind][outcome] = &registry.get(
                catalogue::ledger_commands_total,
                {to_string(static_cast<CommandKind>(kind)), ledger_outcome_labels[outcome]});
        }
    }
    return made;
}

}  // namespace subcults::api
