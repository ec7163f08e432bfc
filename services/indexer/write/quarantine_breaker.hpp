// Limits how many events may be set aside because the database refused them.
//
// One refused event in many is a bad event. When refusals pile up, the database is at fault (a
// migration gone wrong, a constraint nobody meant), and quarantining would quietly move the stream
// into a side table: then the writer keeps trying instead, loudly, while the reader is held back.
//
// A bucket of `burst` tokens gains one per hundred events that commit (1 %) and one per `trickle`
// of time, so that a lone bad event never blocks for good. Pure; time is passed in.
#pragma once

#include "base/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace subcults::indexer {

class QuarantineBreaker {
  public:
    static constexpr double burst = 20;
    static constexpr double events_per_token = 100;
    static constexpr std::chrono::minutes trickle{1};

    void committed(std::size_t events) noexcept {
        tokens_ = std::min(burst, tokens_ + static_cast<double>(events) / events_per_token);
    }
    // True = set this one aside. False = the breaker is open.
    bool take(SteadyClock::time_point now) noexcept {
        if (tokens_ < 1 && now - last_trickle_ >= trickle) tokens_ = 1;
        open_ = tokens_ < 1;
        if (open_) return false;
        tokens_ -= 1;
        last_trickle_ = now;
        return true;
    }
    // The events that were refused went through after all.
    void close() noexcept { open_ = false; }
    bool open() const noexcept { return open_; }

  private:
    double tokens_ = burst;
    SteadyClock::time_point last_trickle_{};
    bool open_ = false;
};

}  // namespace subcults::indexer
