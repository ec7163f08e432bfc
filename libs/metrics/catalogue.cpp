#include "metrics/catalogue.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace subcults::metrics::catalogue {
namespace {

constexpr Section section_list[] = {
    {"Streams", "Sessions, and who comes and goes.", streaming_metrics},
    {"Audio quality", "What participants hear, from measurements that were stored.",
     quality_metrics},
    {"Ledger", "The one writer of stream sessions: many commands share a transaction.",
     ledger_metrics},
    {"Audit log", "Chains of other things than sessions, and signed checkpoints of all.",
     audit_metrics},
    {"LiveKit", "The media server: our calls to it, its webhooks to us.", livekit_metrics},
    {"Caches", "What the API's workers keep in memory of the database.", cache_metrics},
    {"Payments", "What Stripe tells of payments by its webhooks.", payment_metrics},
    {"Jetstream indexer", "A *message* is one frame of the upstream websocket.", indexer_metrics},
    {"Background jobs",
     "Every job of a service is present at 0 from the start and stays there until its first run.",
     job_metrics},
    {"HTTP", "The servers of both services, operations endpoints included.", http_metrics},
    {"Database", "Both services' use of PostgreSQL.", database_metrics},
    {"Process", "The process itself, under the customary names.", process_metrics},
};

constexpr std::size_t count_all() {
    std::size_t count = 0;
    for (const Section& section : section_list)
        count += section.metrics.size();
    return count;
}

constexpr auto collect_all() {
    std::array<const Definition*, count_all()> list{};
    auto next = list.begin();
    for (const Section& section : section_list) {
        next = std::copy(section.metrics.begin(), section.metrics.end(), next);
    }
    return list;
}

constexpr auto definition_list = collect_all();

}  // namespace

std::span<const Section> sections() {
    return section_list;
}

std::span<const Definition* const> all() {
    return definition_list;
}

}  // namespace subcults::metrics::catalogue
