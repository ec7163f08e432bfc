// Where the reading end stands, for people. Plain values.
#pragma once

#include "base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::indexer {

// idle = told not to read; waiting = until the next attempt; paused = the queue is full.
enum class LinkState { idle, waiting, connecting, reading, paused };
std::string_view to_string(LinkState state) noexcept;

struct EndpointView {
    std::uint32_t failures = 0;  // since something that came from there was committed
    std::string last_error;      // empty = none since it was connected last
    bool permanent = false;      // it refused, and will again as far as it said
    std::optional<SteadyClock::time_point> next_attempt;  // not before; nullopt = any time
};

struct SourceView {
    LinkState link = LinkState::idle;
    std::size_t endpoint = 0;  // the one connected to, or tried, or waited for
    UnixMicros since{};        // when `link` became what it is
    std::uint64_t reconnections = 0;
    bool compressed = false;  // of the present or last connection
    bool numbered = false;    // the server numbers its events (newer servers do)
    std::optional<SteadyClock::time_point> preferred_due;
    std::vector<EndpointView> endpoints;
};

}  // namespace subcults::indexer
