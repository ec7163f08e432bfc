#include "livekit/circuit_breaker.hpp"

#include <algorithm>

namespace subcults::api::livekit {

bool CircuitBreaker::would_allow(Deadline now) const noexcept {
    if (state_ == State::closed) return true;
    return !probing_ && now >= probe_at_;
}

bool CircuitBreaker::allow(Deadline now) noexcept {
    if (!would_allow(now)) return false;
    if (state_ != State::closed) {
        state_ = State::half_open;
        probing_ = true;
    }
    return true;
}

// Also the late success of a call from before the circuit opened: the server is alive.
void CircuitBreaker::succeeded() noexcept {
    state_ = State::closed;
    failures_ = 0;
    probing_ = false;
    pause_ = policy_.first_pause;
}

void CircuitBreaker::failed(Deadline now) noexcept {
    switch (state_) {
        case State::closed:
            if (++failures_ >= policy_.failures) open(now);
            return;
        case State::half_open:
            pause_ = std::min(2 * pause_, policy_.longest_pause);
            open(now);
            return;
        case State::open:
            return;  // a call from before: nothing new
    }
}

void CircuitBreaker::abandoned() noexcept {
    probing_ = false;
}

void CircuitBreaker::open(Deadline now) noexcept {
    state_ = State::open;
    probing_ = false;
    probe_at_ = now + pause_;
}

}  // namespace subcults::api::livekit
