// Facts about the process (CPU time, memory, descriptors, threads) and which build it is.
//
// Linux only: read from /proc/self at each rendering, about 30 µs. What cannot be read keeps its
// last value; nothing here throws or fails a scrape.
#pragma once

#include "metrics/registry.hpp"

#include <optional>
#include <string_view>

namespace subcults::metrics {

// Fills subcults_build_info and the process_* metrics, and refreshes them before each rendering.
void add_process_metrics(Registry& registry);

// What /proc/<pid>/stat says, in its own units.
struct ProcessStat {
    double cpu_ticks = 0;  // user and system
    double threads = 0;
    double start_ticks = 0;  // since boot
    double virtual_bytes = 0;
    double resident_pages = 0;
};
// nullopt when the line is not what Linux writes. The command name in it may hold anything.
std::optional<ProcessStat> parse_process_stat(std::string_view line) noexcept;

// The boot time in Unix seconds, from the text of /proc/stat.
std::optional<double> parse_boot_time(std::string_view text) noexcept;

}  // namespace subcults::metrics
