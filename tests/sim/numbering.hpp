// What a v2 host adds to the events of the v1 wire: a rising integer `cursor`, and one time for a
// whole batch of events. Sans I/O.
#pragma once

#include "sim/timeline.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::sim {

// The line with these values for the outermost `time_us` and `cursor`, every other byte as it was.
// A line that is no JSON object with a number for its time comes back as it is.
std::string renumbered(std::string_view line, std::int64_t time_us, std::int64_t cursor);

class Numbering {
  public:
    explicit Numbering(std::int64_t first_seq);

    // Gives the frame its number. It takes the time of the batch that is open: up to 16 frames
    // whose own times lie within 50 ms.
    void stamp(Frame& frame);
    // An unclean stop: the counter goes back by so many, and what these frames were called will be
    // said of others.
    void regress(std::int64_t by, const std::vector<std::shared_ptr<const Frame>>& revoked);

    std::int64_t next_seq() const noexcept { return next_; }
    // Numbers that were given to one event and then to a different one.
    std::uint64_t reassigned() const noexcept { return reassigned_; }

  private:
    std::int64_t first_;
    std::int64_t next_;
    std::int64_t batch_time_ = 0;
    int batch_left_ = 0;
    std::map<std::int64_t, std::string> given_before_;  // seq -> the event without its stamps
    std::uint64_t reassigned_ = 0;
};

}  // namespace subcults::sim
