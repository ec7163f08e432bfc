// How numbers and texts are laid out in what a MAC or digest covers: integers in 8 bytes,
// big-endian; a length before each text, so that ("ab", "c") and ("a", "bc") are different.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace subcults::api {

inline void append_u64(std::string& out, std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8)
        out.push_back(static_cast<char>((value >> shift) & 0xff));
}

inline void append_field(std::string& out, std::string_view field) {
    append_u64(out, field.size());
    out.append(field);
}

}  // namespace subcults::api
