// Watches the sequence numbers that newer servers put on their events, and finds out when a server
// has begun to use numbers again for other events.
//
// Such a server hands events out before they are safe with it. After a crash it counts on from the
// last number that was, so that up to some thousands of numbers come back with other events; and a
// number above the new tip means "live" to it: asking for one would silently skip what lies
// between. Hence:
//
//   - resuming asks for 12,288 numbers less than the highest one seen, more than such a server can
//     lose, so that everything numbered anew is delivered;
//   - what each of the last 16,384 numbers stood for is remembered as a fingerprint, and a number
//     that comes back with another event is a regression;
//   - so is a first number below the one asked for, and a number that was passed long ago with a
//     time a minute or more later than the newest time seen: numbers and times rise together;
//   - after a regression everything is forgotten, and the caller resumes by time.
//
// Numbers are compared and never counted: gaps between them are ordinary, and no event is ever to
// be dropped because of its number. An event whose number is not above the floor is a repeat, or a
// sign of a regression that is not proven yet: it must not move the position on (see passes()).
//
// All of this lives in memory. After a restart nothing vouches for a stored number, as the server
// may have lost it meanwhile; then the time decides, which at worst costs repeats.
//
// Plain value, not thread-safe; 256 KiB. Cost: a few nanoseconds per event.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace subcults::jetstream {

class SeqGuard {
  public:
    static constexpr std::int64_t rewind = 12'288;
    static constexpr std::int64_t remembered = 16'384;
    static constexpr std::int64_t clock_slack_us = 60'000'000;

    SeqGuard();

    // The number to resume from at the server that is being watched; nullopt = resume by time.
    std::optional<std::int64_t> resume_from() const noexcept;

    // A connection to the same server begins, with the number that it was asked for, if any.
    void begin(std::optional<std::int64_t> asked) noexcept;

    // False = a regression: nothing is known any more. `fingerprint` tells events apart.
    [[nodiscard]] bool observe(std::int64_t seq, std::int64_t time_us,
                               std::uint64_t fingerprint) noexcept;

    // Whether an event with this number, before it is observed, moves the position on.
    bool passes(std::int64_t seq) const noexcept { return !floor_ || seq > *floor_; }

    // For another server, or one that has stopped numbering.
    void forget() noexcept;

    std::optional<std::int64_t> floor() const noexcept { return floor_; }

  private:
    struct Entry {
        std::int64_t seq = -1;
        std::uint64_t fingerprint = 0;
    };
    std::vector<Entry> ring_;            // by number modulo its size: always the latest ones
    std::optional<std::int64_t> floor_;  // the highest number seen
    std::int64_t newest_us_ = 0;
    std::optional<std::int64_t> asked_;  // until the first number has come
};

}  // namespace subcults::jetstream
