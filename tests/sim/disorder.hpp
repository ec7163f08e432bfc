// Sends frames in another order than they came in and some of them twice, as servers do when they
// change over from playback to live. What belongs to one account stays in order. Sans I/O, seeded.
#pragma once

#include "sim/random.hpp"
#include "sim/timeline.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

namespace subcults::sim {

class Disorder {
  public:
    struct Picked {
        std::shared_ptr<const Frame> frame;
        bool moved = false;     // overtook frames that came before it
        bool repeated = false;  // was sent already
    };

    // Frames change places with those at most `window` - 1 away on their way out.
    Disorder(std::uint64_t seed, std::size_t window, unsigned repeat_percent);

    bool wants_more() const noexcept { return held_.size() < window_; }
    bool empty() const noexcept { return held_.empty(); }
    void push(std::shared_ptr<const Frame> frame) { held_.push_back(std::move(frame)); }
    // Only while not empty.
    Picked pop();

  private:
    std::shared_ptr<const Frame> repeat();

    Random random_;
    std::size_t window_;
    unsigned repeat_percent_;
    std::deque<std::shared_ptr<const Frame>> held_;
    std::deque<std::shared_ptr<const Frame>> sent_;  // the last few
};

}  // namespace subcults::sim
