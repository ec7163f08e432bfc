// What reports are measured on: the stage of the joins, with listeners in some of its streams, and
// the same rows written by the database alone.
#pragma once

#include "bench/joins/crowd.hpp"
#include "bench/joins/stage.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace subcults::bench {

inline constexpr std::size_t reported_streams = 20;
inline constexpr std::size_t windows_per_report = 6;

// Every user of the stage takes part in the first `reported_streams` streams.
void admit_everybody(const Stage& stage);

// A crowd whose members report six windows per request, each window new.
CrowdPlan reporters(const Stage& stage, std::size_t connections);

std::uint64_t stored_windows(const Stage& stage);

// Rows per second of one backend that inserts such windows in batches, a transaction each, with
// nobody else at work: what the database itself can do.
double rows_alone(const Stage& stage, double seconds);

}  // namespace subcults::bench
