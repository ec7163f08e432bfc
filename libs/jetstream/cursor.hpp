// Cursor rules of Jetstream's /subscribe, without I/O: what to remember and what to ask for.
//
// A server replays from the cursor on, inclusively and at least once. Two servers stamp the same
// event differently, and one server's stamps are neither unique nor always rising. Hence: the
// watermark is the highest stamp seen, never the last one; a connection asks for a little more
// than is missing; and nothing is ever dropped because its stamp is not above the watermark.
//
// Times and sequence numbers (the integer `cursor` of newer servers) are kept apart, and belong to
// one host. A connection resumes by number only at the server that the numbers came from and within
// one run of the process, where SeqGuard vouches for them. Everywhere else it resumes by time: a
// server that lost its newest numbers in a crash would take an old number for a future one and skip
// silently to live, whereas a time that is too early, or that a server rounds down to the start of
// its current segment, only ever costs repeats. The stored number is for operators.
//
// Within a run the position is that of the last event that was queued, since what is queued is
// written or read again; after a restart it is the committed one.
//
// Plain values; not thread-safe.
#pragma once

#include "jetstream/event.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace subcults::jetstream {

// Newer servers read cursors below this as sequence numbers, all others as Unix microseconds.
inline constexpr std::int64_t min_time_cursor = 1'000'000'000'000'000;
// The first stamp (year 2096) that is taken for a broken clock or a wrong unit.
inline constexpr std::int64_t end_time_cursor = 4'000'000'000'000'000;

// What a host's row of the cursor table holds.
struct StoredCursor {
    std::optional<std::int64_t> time_us;
    std::optional<std::int64_t> seq;

    bool operator==(const StoredCursor&) const = default;
};

struct Rewind {
    std::chrono::microseconds same_host = std::chrono::seconds(5);
    // Servers of one network stamp an event some seconds apart.
    std::chrono::microseconds other_host = std::chrono::seconds(10);
};

// The time to ask for at a connection to the host that `stored` belongs to, or to another one.
// nullopt = none: begin live. Never below min_time_cursor, where it would change its meaning.
std::optional<std::int64_t> connect_cursor(const StoredCursor& stored, bool same_host,
                                           const Rewind& rewind = {}) noexcept;

// The highest stamps seen.
class Watermark {
  public:
    Watermark() = default;
    explicit Watermark(const StoredCursor& start) noexcept : cursor_(start) {}

    void observe(std::int64_t time_us, std::optional<std::int64_t> seq = std::nullopt) noexcept;
    void observe(const EventView& event) noexcept { observe(event.time_us, event.seq); }
    const StoredCursor& cursor() const noexcept { return cursor_; }
    // Another host counts on its own: its sequence starts afresh, time goes on.
    void forget_seq() noexcept { cursor_.seq.reset(); }

  private:
    StoredCursor cursor_;
};

}  // namespace subcults::jetstream
