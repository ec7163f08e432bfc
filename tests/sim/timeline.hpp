// The published frames that subscribers pull from: a ring in order of publication.
//
// Positions count published frames and never come back; those before begin() have fallen out.
// Not thread-safe: everything of the simulator runs on one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::sim {

// One frame as it goes over the wire, and what filters and cursors look at.
struct Frame {
    std::string text;
    std::int64_t time_us = 0;
    std::string did;         // empty = could not be read: such a frame passes every filter
    std::string collection;  // commits only
};

// Reads a line as leniently as possible: what is no JSON is still a frame, and takes its time from
// a "time_us" that looks like one, else from `previous_time`.
Frame read_frame(std::string line, std::int64_t previous_time);

class Timeline {
  public:
    explicit Timeline(std::size_t retention);

    void publish(Frame frame);
    std::uint64_t begin() const noexcept;
    std::uint64_t end() const noexcept { return published_; }
    // Owned, because a frame may fall out of the ring while it is being written. nullptr when
    // `position` is outside [begin(), end()).
    std::shared_ptr<const Frame> at(std::uint64_t position) const;
    std::size_t retention() const noexcept { return ring_.size(); }
    std::int64_t latest_time() const noexcept { return latest_time_; }

  private:
    std::vector<std::shared_ptr<const Frame>> ring_;
    std::uint64_t published_ = 0;
    std::int64_t latest_time_ = 0;  // of the last frame
};

}  // namespace subcults::sim
