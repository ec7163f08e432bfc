// UUIDs as 16-byte values: parsing, printing, time-ordered (v7) and name-based (v5) generation.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace subcults {

struct Uuid {
    std::array<std::uint8_t, 16> bytes{};

    auto operator<=>(const Uuid&) const = default;

    // Canonical lower-case form, 36 characters.
    std::string to_string() const;

    // Accepts the 36-character form in either case and nothing else (no braces, no URN prefix).
    static std::optional<Uuid> parse(std::string_view text) noexcept;
};

// RFC 9562 version 7: 48 bits of Unix milliseconds, then random bits from the operating system.
// Unique across threads and processes. Never relied upon as an order: use a sequence for that.
Uuid uuid_v7();

// RFC 9562 version 5 (SHA-1 of namespace and name): the same name gives the same id, for ever.
Uuid uuid_v5(const Uuid& name_space, std::string_view name);

// The URL namespace; ids of AT Protocol records are v5 of their at-uri in it.
inline constexpr Uuid uuid_namespace_url{{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80,
                                          0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}};

// For unordered containers: random and name-based ids are uniform already.
struct UuidHash {
    std::size_t operator()(const Uuid& id) const noexcept;
};

}  // namespace subcults
