// How a backfill stands, in words and as JSON. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace subcults::indexer {

struct BackfillState {
    std::int64_t id = 0;
    std::string status;  // waiting, running, completed, cancelled
    std::int64_t from_us = 0;
    std::int64_t to_us = 0;
    std::optional<std::int64_t> position_us = {};
    std::optional<std::int64_t> oldest_us = {};
    std::int64_t events = 0;
    std::int64_t rows_changed = 0;
    std::int64_t set_aside = 0;
    double missing_seconds = 0;
    std::int64_t runs = 0;
    std::string host = {};
    std::string error_type = {};  // of the last run, if it failed

    bool ended() const noexcept { return status == "completed" || status == "cancelled"; }
    // 0 to 1.
    double share() const noexcept;
};

std::string line_of(const BackfillState& state);
std::string json_of(const BackfillState& state);
// What an operator has to know about one that has ended; empty = nothing.
std::string warning_of(const BackfillState& state);

}  // namespace subcults::indexer
