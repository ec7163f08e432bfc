// How PostgreSQL's binary format lays out numbers and times: big-endian, times in microseconds
// since 2000-01-01 UTC, with the two extreme values standing for minus and plus infinity.
#pragma once

#include "base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace subcults::db::wire {

template <class T>
T load(const char* bytes) noexcept {
    std::make_unsigned_t<T> value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        value = static_cast<std::make_unsigned_t<T>>(
            static_cast<std::uint64_t>(value) << 8 |
            static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])));
    }
    return static_cast<T>(value);
}

template <class T>
void store(char* bytes, T value) noexcept {
    auto rest = static_cast<std::uint64_t>(static_cast<std::make_unsigned_t<T>>(value));
    for (std::size_t i = sizeof(T); i-- > 0;) {
        bytes[i] = static_cast<char>(static_cast<unsigned char>(rest & 0xff));
        rest >>= 8;
    }
}

inline constexpr char jsonb_version = 1;
inline constexpr std::int64_t epoch_offset = 946'684'800'000'000;  // 2000-01-01, in Unix µs

// Times outside what 64 bits can hold on the other side become that side's infinity.
inline std::int64_t to_postgres(UnixMicros time) noexcept {
    constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
    constexpr auto highest = std::numeric_limits<std::int64_t>::max();
    if (time.value == highest) return highest;
    return time.value < lowest + epoch_offset ? lowest : time.value - epoch_offset;
}

inline UnixMicros from_postgres(std::int64_t micros) noexcept {
    constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
    constexpr auto highest = std::numeric_limits<std::int64_t>::max();
    if (micros == lowest) return UnixMicros{lowest};
    return UnixMicros{micros > highest - epoch_offset ? highest : micros + epoch_offset};
}

}  // namespace subcults::db::wire
