// Where frames come from: a file of recorded events, or the generator. Sans I/O and clock.
#pragma once

#include "sim/generator.hpp"
#include "sim/timeline.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace subcults::sim {

class Feed {
  public:
    virtual ~Feed() = default;
    // The next frame, or nullopt when the feed has ended. `now` is the wall clock in Unix
    // microseconds, for feeds that stamp their frames with it.
    virtual std::optional<Frame> next(std::int64_t now) = 0;
};

// Lines byte for byte, in order; empty lines are skipped. With `loop`, later passes are news
// rather than repeats: the same records with time_us and rev moved on by one pass's span, so that
// what was a create is written again as a newer version. Lines that are no JSON repeat as they are.
class FileFeed final : public Feed {
  public:
    FileFeed(std::vector<std::string> lines, bool loop);
    std::optional<Frame> next(std::int64_t now) override;

  private:
    std::string restamped(const std::string& line) const;

    std::vector<std::string> lines_;
    bool loop_;
    std::size_t at_ = 0;
    std::int64_t pass_ = 0;
    std::int64_t span_ = 0;
    std::int64_t previous_time_ = 0;
};

struct GeneratorFeedOptions {
    GeneratorOptions generator;
    std::uint64_t events = 0;  // 0 = endless
    // With a start the n-th event (from 0) is stamped start + n * step: the whole feed is the same
    // every time. Without, events are stamped with the wall clock.
    std::optional<std::int64_t> start_time_us;
    std::int64_t step_us = 1000;
};

class GeneratorFeed final : public Feed {
  public:
    explicit GeneratorFeed(GeneratorFeedOptions options);
    std::optional<Frame> next(std::int64_t now) override;

  private:
    GeneratorFeedOptions options_;
    Generator generator_;
    std::uint64_t made_ = 0;
};

}  // namespace subcults::sim
