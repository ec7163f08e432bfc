// What clients asked for when they wanted to subscribe, and what became of it: the proof in tests
// that a client resumed where it should.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace subcults::sim {

struct UpgradeSeen {
    std::string query;                   // as it came, without the question mark
    std::optional<std::int64_t> cursor;  // when it was a number
    std::string user_agent;
    std::string socket_encoding;
    std::string extensions;  // Sec-WebSocket-Extensions
    unsigned status = 0;     // 101, or the HTTP status of the refusal
};

class RequestLog {
  public:
    void note(UpgradeSeen seen);
    std::uint64_t total() const noexcept { return total_; }
    const UpgradeSeen* last() const noexcept { return seen_.empty() ? nullptr : &seen_.back(); }
    // A JSON array of the last 256, oldest first; keys are named as the members.
    std::string json() const;

  private:
    std::deque<UpgradeSeen> seen_;
    std::uint64_t total_ = 0;
};

}  // namespace subcults::sim
