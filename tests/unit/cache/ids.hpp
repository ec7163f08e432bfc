// Ids that tests can tell apart.
#pragma once

#include "base/uuid.hpp"

#include <cstdint>

namespace subcults::test {

inline Uuid id_of(std::uint32_t number) {
    Uuid id;
    for (std::size_t i = 0; i < 4; ++i)
        id.bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
    // Spread, as real ids are.
    return uuid_v5(uuid_namespace_url, id.to_string());
}

}  // namespace subcults::test
