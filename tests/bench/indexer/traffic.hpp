// The events that the benches send: what the network says when it can be had (a recorded sample),
// otherwise what the sample Jetstream's generator makes. Made before anything is measured.
#pragma once

#include "sim/generator.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace subcults::bench {

struct Traffic {
    std::vector<std::string> lines;
    bool recorded = false;
};

// Commits only, in random order, so that no run of the same events trains the processor's branch
// prediction.
Traffic commit_traffic(std::size_t count, std::uint64_t seed);

// The same lines, each compressed by itself with a zstd dictionary (the file's content).
std::vector<std::string> compressed(const std::vector<std::string>& lines,
                                    const std::string& dictionary);

enum class Wanted {
    plain_records,  // of collections that have no table of their own: one row each
    everything,     // as the generator mixes them: scenes, events, posts, … get a second row
};
// Creations of distinct records, in order of time; none is changed or deleted later.
std::vector<sim::GeneratedEvent> distinct_creations(std::size_t count, std::uint64_t seed,
                                                    Wanted wanted);

}  // namespace subcults::bench
