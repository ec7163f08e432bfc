// Which refusals have been written to the audit chain lately. An attacker who is refused a thousand
// times a minute must not be able to grow a session's chain, nor to keep its row busy: one entry
// per (session, actor, action, person it was about) and minute tells the story.
//
// Per lane and process: a session always uses the same lane, so only several replicas or a restart
// can write one more. Holds two generations of at most `capacity` entries (about 150 bytes each);
// when both are full of the last minute's, further refusals are not written at all.
// Not thread-safe.
#pragma once

#include "streams/command.hpp"

#include <cstddef>
#include <map>
#include <string_view>

namespace subcults::api {

struct Denial {
    Uuid session;
    Tag128 actor{};
    CommandKind kind = CommandKind::join;
    // What tells apart commands of one kind: the audited action (static text; locking is not
    // unlocking) and whom it was about, where that is a participant of the session. Made-up
    // participants are all the same one, or they would make the chain grow.
    std::string_view action = {};
    Tag128 target{};
    auto operator<=>(const Denial&) const = default;
};

class DenialMemory {
  public:
    explicit DenialMemory(std::size_t capacity = 16'384) : capacity_(capacity) {}

    // Should this refusal go unwritten?
    bool suppresses(const Denial& denial, UnixMicros now) const;
    // It has been written.
    void remember(const Denial& denial, UnixMicros now);

  private:
    static constexpr std::int64_t window_us = 60LL * 1'000'000;
    bool recent(UnixMicros written, UnixMicros now) const noexcept;

    std::size_t capacity_;
    UnixMicros begun_;  // of the newer generation
    std::map<Denial, UnixMicros> newer_;
    std::map<Denial, UnixMicros> older_;
};

}  // namespace subcults::api
