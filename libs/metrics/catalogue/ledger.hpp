// Metrics of the ledger, the one writer of stream sessions. See catalogue.hpp.
#pragma once

#include "metrics/definition.hpp"

#include <string_view>

namespace subcults::metrics::catalogue {

inline constexpr CounterDef ledger_batches_total{{
    .scope = Scope::api,
    .name = "ledger_batches_total",
    .help = "Transactions that the ledger committed.",
    .counts = "One committed transaction, whatever the number of commands in it.",
}};

inline constexpr std::string_view ledger_batch_bounds[] = {"1",  "2",  "4",   "8",  "16",
                                                           "32", "64", "128", "256"};
inline constexpr HistogramDef ledger_batch_commands{{
    .scope = Scope::api,
    .name = "ledger_batch_commands",
    .help = "Commands that shared one transaction of the ledger.",
    .bounds = ledger_batch_bounds,
    .counts = "One sample per committed transaction.",
}};

inline constexpr std::string_view ledger_command_kinds[] = {
    "create", "join",   "leave", "end",      "token",       "lock",
    "kick",   "unkick", "mute",  "presence", "first_track", "close"};
inline constexpr std::string_view ledger_outcomes[] = {"applied", "replayed", "refused", "failed",
                                                       "unknown"};
inline constexpr Label ledger_command_labels[] = {{"kind", ledger_command_kinds},
                                                  {"outcome", ledger_outcomes}};
inline constexpr CounterDef ledger_commands_total{{
    .scope = Scope::api,
    .name = "ledger_commands_total",
    .help = "Commands that the ledger answered, by kind and outcome.",
    .labels = ledger_command_labels,
    .counts = "One command at the moment of its answer: `applied` changed something, `replayed` "
              "repeated the answer of an earlier use of its key, `refused` was turned down by a "
              "rule (ended, locked, banned, unknown session), `failed` met a database error, "
              "`unknown` was given up while its commit could not be confirmed.",
}};

inline constexpr GaugeDef ledger_queue_commands{{
    .scope = Scope::api,
    .name = "ledger_queue_commands",
    .help = "Commands that wait for a transaction of the ledger.",
    .counts = "Read at each scrape, over all lanes.",
}};

inline constexpr std::string_view ledger_commit_bounds[] = {
    "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05",
    "0.1",    "0.25",  "0.5",    "1",     "2.5",  "5"};
inline constexpr HistogramDef ledger_commit_seconds{{
    .scope = Scope::api,
    .name = "ledger_commit_seconds",
    .help = "Seconds from the begin of a ledger transaction to its confirmed commit.",
    .bounds = ledger_commit_bounds,
    .counts = "One sample per committed transaction.",
}};

inline constexpr CounterDef ledger_unknown_outcomes_total{{
    .scope = Scope::api,
    .name = "ledger_unknown_outcomes_total",
    .help = "Commits of the ledger whose answer was lost with the connection.",
    .counts = "One transaction that had to be looked for on a new connection, whether it was then "
              "found or not.",
}};

inline constexpr const Definition* ledger_metrics[] = {
    &ledger_batches_total,  &ledger_batch_commands, &ledger_commands_total,
    &ledger_queue_commands, &ledger_commit_seconds, &ledger_unknown_outcomes_total,
};

}  // namespace subcults::metrics::catalogue
