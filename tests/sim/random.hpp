// A small seeded generator whose numbers are the same with every compiler and library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace subcults::sim {

class Random {
  public:
    explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

    // SplitMix64: full period, passes the usual tests, one multiplication short of free.
    std::uint64_t next() noexcept {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }

    // Uniform in [0, bound); 0 for an empty range. The bias of the multiplication is below 2^-32.
    std::size_t below(std::size_t bound) noexcept {
        return static_cast<std::size_t>(((next() >> 32) * bound) >> 32);
    }
    // Uniform in [low, high].
    std::size_t between(std::size_t low, std::size_t high) noexcept {
        return low + below(high - low + 1);
    }
    bool chance(unsigned percent) noexcept { return below(100) < percent; }

    template <class T, std::size_t N>
    const T& pick(const T (&from)[N]) noexcept {
        return from[below(N)];
    }
    template <class Container>
    const auto& pick(const Container& from) noexcept {
        return from[below(from.size())];
    }

  private:
    std::uint64_t state_;
};

}  // namespace subcults::sim
