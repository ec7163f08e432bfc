// The catalogue: every metric of both services, and the only place where one is defined.
//
// A metric is added in the file of its subject below, next to the list that it has to join; the
// registry, the exposition and docs/metrics.md follow from it. Names, types, labels and bounds of
// existing entries are a contract with dashboards and alert rules.
//
// What the indexer's counters count, exactly. A *message* is one frame of the upstream websocket.
//   indexer_messages_processed_total  messages whose effect, with the cursor after them, has been
//       committed. One that changed nothing because it was a duplicate or older than what is
//       stored counts too: it has been dealt with. Quarantined messages do not count.
//   indexer_messages_error_total      messages that could not be processed and were put into
//       quarantine, counted when the quarantine has been committed. Never also counted above, so
//       processed + error = all messages done with.
//   indexer_quarantined_total         the same messages by reason; its sum is the error counter.
//   indexer_upserts_total             rows of `records` that a committed batch inserted or changed,
//       including the marking of deletions. Rows that a guard left alone do not count.
//   indexer_duplicates_total          records of committed batches that a guard left alone.
//   indexer_database_writes_failed_total   attempts to commit a batch that failed, one per
//       attempt, whatever becomes of the batch later. A commit whose outcome was unknown and that
//       turns out to be there is not a failure.
//   indexer_trust_recompute_total     scenes that committed batches marked for recomputation of
//       their trust score, one per scene and batch.
//   indexer_reconnection_attempts_total    attempts to open a connection after the first one of
//       the process, failed ones included; indexer_reconnections_by_reason_total says why.
//   indexer_backpressure_paused_total, _resumed_total   crossings of the queue's upper and lower
//       mark. Both are equal while the indexer reads, and one apart while it is paused.
// None of them moves before the commit that it speaks of, so a crash never leaves a count ahead of
// the database.
#pragma once

#include "metrics/catalogue/audit.hpp"
#include "metrics/catalogue/cache.hpp"
#include "metrics/catalogue/database.hpp"
#include "metrics/catalogue/http.hpp"
#include "metrics/catalogue/indexer.hpp"
#include "metrics/catalogue/jobs.hpp"
#include "metrics/catalogue/ledger.hpp"
#include "metrics/catalogue/livekit.hpp"
#include "metrics/catalogue/payments.hpp"
#include "metrics/catalogue/process.hpp"
#include "metrics/catalogue/quality.hpp"
#include "metrics/catalogue/streaming.hpp"
#include "metrics/definition.hpp"

#include <span>
#include <string_view>

namespace subcults::metrics::catalogue {

// A group of metrics about one subject, for the documentation.
struct Section {
    std::string_view title;
    std::string_view intro;
    std::span<const Definition* const> metrics;
};

std::span<const Section> sections();

// Every definition, in the order of the sections.
std::span<const Definition* const> all();

}  // namespace subcults::metrics::catalogue
