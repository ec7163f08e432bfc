// Bodies of generated records, valid by the lexicons of their collections.
// Internal to the generator.
#pragma once

#include "sim/random.hpp"
#include "sim/world.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace subcults::sim {

// Who writes a new record of this collection, and what it is about.
struct Plan {
    std::size_t owner = 0;
    std::vector<std::string> anchors;
};

// nullopt when nothing exists yet that such a record could be about.
std::optional<Plan> plan_record(World& world, Random& random, Collection collection,
                                std::optional<std::size_t> owner, std::int64_t now);

// The record's JSON. `updated_at` is set for updates.
std::string write_record(Random& random, const Record& record,
                         std::optional<std::int64_t> updated_at);

}  // namespace subcults::sim
