// Which part of the network one indexer process is for: accounts by the hash of their DID.
//
// XXH3-64 (seed 0) of the DID's bytes modulo the number of shards, for ever: changing it would move
// accounts between shards whose cursors stand elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace subcults::jetstream {

struct Shard {
    std::uint32_t index = 0;
    std::uint32_t count = 1;

    // "i/n" with 0 <= i < n <= 1024; nullopt for anything else.
    static std::optional<Shard> parse(std::string_view text) noexcept;
    bool owns(std::string_view did) const noexcept;

    bool operator==(const Shard&) const = default;
};

}  // namespace subcults::jetstream
