// What a feed sends: streams of frames that were encoded beforehand, so that the sender is bound by
// the kernel and never by itself.
//
// Threading: open() and readers are used by the feed's thread; counters may be read by any thread.
#pragma once

#include "base/time.hpp"
#include "bench/feed/websocket.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::bench {

// Whole frames, valid until the next call. Empty: nothing to send before `again`.
struct Piece {
    std::string_view bytes;
    std::size_t frames = 0;
    SteadyClock::time_point again = SteadyClock::time_point::max();
};

class FeedReader {
  public:
    virtual ~FeedReader() = default;
    virtual Piece next(SteadyClock::time_point now) = 0;
};

class FeedSource {
  public:
    virtual ~FeedSource() = default;
    // From the first frame on whose time is not before the cursor; without one from the start.
    // One reader at a time: opening another ends the one before.
    virtual std::unique_ptr<FeedReader> open(std::optional<std::int64_t> cursor) = 0;
};

// A list of lines, each sent once per connection, then silence. `times_us` are the lines' own and
// do not fall.
class ListedFrames final : public FeedSource {
  public:
    ListedFrames(const std::vector<std::string>& lines, std::vector<std::int64_t> times_us);
    std::unique_ptr<FeedReader> open(std::optional<std::int64_t> cursor) override;
    std::size_t size() const noexcept { return times_us_.size(); }
    // Holds back all but the first so many frames until more are allowed. Any thread.
    void allow(std::size_t frames) noexcept { allowed_ = frames; }

  private:
    class Reader;
    std::string encoded_;
    std::vector<std::size_t> begins_;  // of each frame, and the end
    std::vector<std::int64_t> times_us_;
    std::atomic<std::size_t> allowed_{std::numeric_limits<std::size_t>::max()};
};

// The same lines over and over, without an end. Each frame gets a time of its own, a microsecond
// after the one before it; lines must hold "time_us":NNNNNNNNNNNNNNNN with sixteen digits.
class LoopedFrames final : public FeedSource {
  public:
    LoopedFrames(const std::vector<std::string>& lines, std::int64_t first_time_us);
    std::unique_ptr<FeedReader> open(std::optional<std::int64_t> cursor) override;
    // Mean size of a frame's payload.
    double mean_bytes() const noexcept;

  private:
    class Reader;
    struct Place {
        std::size_t begin;
        std::size_t stamp;  // where the digits are
    };
    std::string encoded_;
    std::vector<Place> frames_;
    std::size_t payload_bytes_ = 0;
    std::int64_t first_time_us_;
};

// Payloads that are sent as they are, as binary frames, over and over: compressed events.
class LoopedPayloads final : public FeedSource {
  public:
    explicit LoopedPayloads(const std::vector<std::string>& payloads);
    std::unique_ptr<FeedReader> open(std::optional<std::int64_t> cursor) override;
    double mean_bytes() const noexcept;

  private:
    class Reader;
    std::string encoded_;
    std::vector<std::size_t> begins_;
    std::size_t payload_bytes_ = 0;
};

// Lines at an average rate with random (exponential) gaps, as events of independent people come.
// Each line is asked for when it is due; when it was handed over is kept. A connection goes on
// where the one before ended.
class PacedFrames final : public FeedSource {
  public:
    using Make = std::function<std::string(std::size_t index)>;
    PacedFrames(std::size_t count, double per_second, std::uint64_t seed, Make make);
    std::unique_ptr<FeedReader> open(std::optional<std::int64_t> cursor) override;

    std::size_t sent() const noexcept { return sent_.load(std::memory_order_acquire); }
    // Only for frames below sent().
    SteadyClock::time_point sent_at(std::size_t index) const noexcept { return sent_at_[index]; }

  private:
    class Reader;
    Make make_;
    double mean_gap_seconds_;
    std::mt19937_64 random_;
    std::vector<SteadyClock::time_point> sent_at_;
    std::atomic<std::size_t> sent_{0};
    SteadyClock::time_point due_{};
    std::string frame_;
};

}  // namespace subcults::bench
