// Metrics of the process itself, under the names that are usual for them. See catalogue.hpp.
#pragma once

#include "metrics/definition.hpp"

namespace subcults::metrics::catalogue {

inline constexpr Label build_info_labels[] = {{"version"}, {"revision"}, {"compiler"}};
inline constexpr GaugeDef subcults_build_info{{
    .name = "subcults_build_info",
    .help = "Which build this is; the value is always 1.",
    .labels = build_info_labels,
    .counts = "One series per process.",
    .bounded_by = "the one build that a process is",
}};

inline constexpr TotalDef process_cpu_seconds_total{{
    .name = "process_cpu_seconds_total",
    .help = "Processor time used by the process, user and system, in seconds.",
    .counts = "From the kernel, at each scrape.",
}};
inline constexpr GaugeDef process_resident_memory_bytes{{
    .name = "process_resident_memory_bytes",
    .help = "Memory of the process that is in RAM, in bytes.",
    .counts = "From the kernel, at each scrape.",
}};
inline constexpr GaugeDef process_virtual_memory_bytes{{
    .name = "process_virtual_memory_bytes",
    .help = "Address space of the process, in bytes.",
    .counts = "From the kernel, at each scrape.",
}};
inline constexpr GaugeDef process_open_fds{{
    .name = "process_open_fds",
    .help = "Open file descriptors.",
    .counts = "From the kernel, at each scrape.",
}};
inline constexpr GaugeDef process_max_fds{{
    .name = "process_max_fds",
    .help = "Limit of open file descriptors.",
    .counts = "The soft limit, at each scrape; `+Inf` without one.",
}};
inline constexpr GaugeDef process_start_time_seconds{{
    .name = "process_start_time_seconds",
    .help = "When the process was started, as Unix time.",
    .counts = "From the kernel, once.",
}};
inline constexpr GaugeDef process_threads{{
    .name = "process_threads",
    .help = "Threads of the process.",
    .counts = "From the kernel, at each scrape.",
}};

inline constexpr const Definition* process_metrics[] = {
    &subcults_build_info,          &process_cpu_seconds_total, &process_resident_memory_bytes,
    &process_virtual_memory_bytes, &process_open_fds,          &process_max_fds,
    &process_start_time_seconds,   &process_threads,
};

}  // namespace subcults::metrics::catalogue
