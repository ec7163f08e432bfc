#include "base/backoff.hpp"

#include <algorithm>
#include <limits>

namespace subcults {

namespace {

__extension__ using Wide = unsigned __int128;

// splitmix64: one addition and three mixing steps; any seed, zero included, is a good one.
std::uint64_t next_random(std::uint64_t& state) noexcept {
    state += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
}

}  // namespace

std::chrono::milliseconds Backoff::window() const noexcept {
    using Milliseconds = std::chrono::milliseconds;
    const Milliseconds base = std::max(policy_.base, Milliseconds{0});
    const Milliseconds cap = std::max(policy_.cap, Milliseconds{0});
    // Compared by shifting the cap down, because shifting the base up could overflow.
    if (attempts_ >= 63 || base.count() > (cap.count() >> attempts_)) return cap;
    return Milliseconds{base.count() << attempts_};
}

std::chrono::milliseconds Backoff::next() noexcept {
    const auto choices = static_cast<std::uint64_t>(window().count()) + 1;  // both ends included
    if (attempts_ < std::numeric_limits<std::uint32_t>::max()) ++attempts_;
    const auto scaled = static_cast<Wide>(next_random(state_)) * choices;
    return std::chrono::milliseconds{static_cast<std::int64_t>(scaled >> 64U)};
}

}  // namespace subcults
