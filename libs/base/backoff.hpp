// Exponential backoff with full jitter: the delay is uniform in [0, min(cap, base * 2^n)].
#pragma once

#include <chrono>
#include <cstdint>

namespace subcults {

struct BackoffPolicy {
    std::chrono::milliseconds base{250};
    std::chrono::milliseconds cap{30'000};
};

// Not thread-safe. Deterministic for a given seed, so that tests can pin it.
class Backoff {
  public:
    Backoff(BackoffPolicy policy, std::uint64_t seed) noexcept : policy_(policy), state_(seed) {}

    // The next delay; each call doubles the window up to the cap.
    std::chrono::milliseconds next() noexcept;
    // The window that the next delay is drawn from.
    std::chrono::milliseconds window() const noexcept;
    void reset() noexcept { attempts_ = 0; }
    std::uint32_t attempts() const noexcept { return attempts_; }

  private:
    BackoffPolicy policy_;
    std::uint64_t state_;
    std::uint32_t attempts_ = 0;
};

}  // namespace subcults
