// Whether a server that keeps failing should be asked at all. Decisions only: no clock, no I/O.
//
// Closed, everything passes. After `failures` in a row it opens: nothing passes until the pause is
// over, then exactly one probe does. Its success closes the circuit; its failure doubles the pause
// up to `longest_pause`. So a dead server costs one call per pause, and waiting for nobody.
//
// Not thread-safe. Cost: a comparison.
#pragma once

#include "base/time.hpp"

#include <chrono>

namespace subcults::api::livekit {

struct CircuitPolicy {
    int failures = 5;
    std::chrono::milliseconds first_pause{5'000};
    std::chrono::milliseconds longest_pause{60'000};
};

class CircuitBreaker {
  public:
    enum class State { closed, open, half_open };

    explicit CircuitBreaker(CircuitPolicy policy) noexcept
        : policy_(policy), pause_(policy.first_pause) {}

    // Asks to make a call. Whoever gets true must report how it ended, by one of the three below.
    bool allow(Deadline now) noexcept;
    // What allow() would say, without claiming the probe.
    bool would_allow(Deadline now) const noexcept;

    void succeeded() noexcept;
    void failed(Deadline now) noexcept;
    // The call ended without telling anything about the server (cancelled).
    void abandoned() noexcept;

    State state() const noexcept { return state_; }

  private:
    void open(Deadline now) noexcept;

    CircuitPolicy policy_;
    State state_ = State::closed;
    int failures_ = 0;
    bool probing_ = false;
    std::chrono::milliseconds pause_;
    Deadline probe_at_{};
};

}  // namespace subcults::api::livekit
