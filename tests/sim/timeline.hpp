// The published frames that subscribers pull from: a ring in order of publication.
//
// Positions count published frames and never come back; those before begin() have fallen out, and
// others may have been taken away (forgotten or revoked): their positions stay behind, empty.
// Not thread-safe: everything of the simulator runs on one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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
    std::optional<std::int64_t> seq = {};  // on a v2 host
};

// Reads a line as leniently as possible: what is no JSON is still a frame, and takes its time from
// a "time_us" that looks like one, else from `previous_time`.
Frame read_frame(std::string line, std::int64_t previous_time);

class Timeline {
  public:
    explicit Timeline(std::size_t retention);

    void publish(Frame frame);
    // Takes away what is older; returns how many frames that were.
    std::size_t forget(std::int64_t before_us);
    // Takes the newest `count` frames back (fewer, if there are not so many), oldest first.
    std::vector<std::shared_ptr<const Frame>> revoke(std::size_t count);

    std::uint64_t begin() const noexcept;
    std::uint64_t end() const noexcept { return published_; }
    // Owned, because a frame may fall out of the ring while it is being written. nullptr when
    // `position` is outside [begin(), end()) or the frame was taken away.
    std::shared_ptr<const Frame> at(std::uint64_t position) const;
    std::size_t retention() const noexcept { return ring_.size(); }
    std::size_t retained() const noexcept { return retained_; }
    std::int64_t latest_time() const noexcept { return latest_time_; }
    // The newest frame that fell out or was forgotten: whoever asks for it meets a gap.
    std::int64_t lost_time() const noexcept { return lost_time_; }
    std::int64_t lost_seq() const noexcept { return lost_seq_; }

  private:
    void lose(std::shared_ptr<const Frame>& slot);

    std::vector<std::shared_ptr<const Frame>> ring_;
    std::uint64_t published_ = 0;
    std::size_t retained_ = 0;
    std::int64_t latest_time_ = 0;  // of the last frame
    std::int64_t lost_time_ = 0;
    std::int64_t lost_seq_ = 0;
};

}  // namespace subcults::sim
