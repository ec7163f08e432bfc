// Decides when one worker has taken on too much, so that it refuses early instead of letting every
// caller wait: by the number of handlers under way, and by how late its event loop runs.
//
// Lateness is read off a timer that should fire at a known time. While it has not fired although it
// is due, the delay so far counts as well: a loop with a long backlog is noticed at the first
// request behind it, not at the end of the backlog. A measurement holds until the next one.
//
// No clock of its own, no I/O. Not thread-safe: one per worker.
#pragma once

#include "base/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace subcults::net {

// Why a request or a connection was turned away.
enum class ShedReason : std::uint8_t { connections, concurrency, lag };
inline constexpr std::size_t shed_reason_count = 3;

constexpr std::string_view to_string(ShedReason reason) noexcept {
    switch (reason) {
        case ShedReason::connections:
            return "connections";
        case ShedReason::concurrency:
            return "concurrency";
        case ShedReason::lag:
            break;
    }
    return "lag";
}

class LoadMeter {
  public:
    struct Limits {
        std::size_t handlers = 0;          // 0 = any number
        std::chrono::milliseconds lag{0};  // 0 = however late
    };

    explicit LoadMeter(Limits limits) noexcept : limits_(limits) {}

    // The timer will be due at `when`.
    void expect_tick(Deadline when) noexcept { due_ = when; }
    // It fired.
    void tick(Deadline now) noexcept {
        lag_ = running_ && due_ != Deadline{} ? std::max(now - due_, {}) : SteadyClock::duration{};
        due_ = {};
        running_ = true;
    }

    // Whether one more handler would be too much.
    std::optional<ShedReason> verdict(Deadline now) const noexcept {
        if (limits_.handlers != 0 && handlers_ >= limits_.handlers) return ShedReason::concurrency;
        if (limits_.lag.count() != 0 && lag(now) > limits_.lag) return ShedReason::lag;
        return std::nullopt;
    }
    SteadyClock::duration lag(Deadline now) const noexcept {
        return !running_ || due_ == Deadline{} ? lag_ : std::max(lag_, now - due_);
    }
    std::size_t handlers() const noexcept { return handlers_; }

    // Held while a handler runs.
    class Place {
      public:
        explicit Place(LoadMeter& meter) noexcept : meter_(meter) { ++meter_.handlers_; }
        ~Place() { --meter_.handlers_; }
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;

      private:
        LoadMeter& meter_;
    };

  private:
    Limits limits_;
    SteadyClock::duration lag_{};
    Deadline due_{};
    std::size_t handlers_ = 0;
    // The first timer is set before the loop starts and tells nothing about it.
    bool running_ = false;
};

}  // namespace subcults::net
