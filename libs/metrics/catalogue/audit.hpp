// Metrics of the audit log beside what the ledger writes into it. See catalogue.hpp.
#pragma once

#include "metrics/definition.hpp"

namespace subcults::metrics::catalogue {

inline constexpr CounterDef audit_entries_total{{
    .scope = Scope::api,
    .name = "audit_entries_total",
    .help = "Entries written to audit chains of other things than sessions.",
    .counts = "One entry when the transaction with it has been committed: refused starts of "
              "streams, reads of the audit log.",
}};

inline constexpr CounterDef audit_entries_refused_total{{
    .scope = Scope::api,
    .name = "audit_entries_refused_total",
    .help = "Entries of such chains that could not be written.",
    .counts = "One entry whose commit failed or could not be confirmed in time; what it was about "
              "was answered with 503.",
}};

inline constexpr CounterDef audit_checkpoints_total{{
    .scope = Scope::api,
    .name = "audit_checkpoints_total",
    .help = "Signed checkpoints of all audit chains that this process made.",
    .counts = "One checkpoint when it has been committed and written to the log.",
}};

inline constexpr CounterDef audit_checkpoint_failures_total{{
    .scope = Scope::api,
    .name = "audit_checkpoint_failures_total",
    .help = "Attempts to make or export a checkpoint that failed.",
    .counts = "One attempt that met a database error, a stored checkpoint whose signature is not "
              "right, or a checkpoint file that could not be written or is ahead of the database.",
}};

inline constexpr const Definition* audit_metrics[] = {
    &audit_entries_total,
    &audit_entries_refused_total,
    &audit_checkpoints_total,
    &audit_checkpoint_failures_total,
};

}  // namespace subcults::metrics::catalogue
