// Digests, MACs, key derivation, constant-time comparison and text encodings, over OpenSSL 3.
// All functions are thread-safe. They throw only when OpenSSL itself fails (out of memory).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace subcults {

using Bytes = std::basic_string<char>;  // binary data travels as std::string: owned, movable
using Digest256 = std::array<std::uint8_t, 32>;

Digest256 sha256(std::string_view data);
Digest256 hmac_sha256(std::string_view key, std::string_view data);

// HKDF-SHA256 (RFC 5869) without salt: one independent 32-byte key per purpose.
Digest256 hkdf_sha256(std::string_view key, std::string_view purpose);

// Compares without revealing where the first difference is; lengths may leak, contents do not.
bool constant_time_equal(std::string_view a, std::string_view b) noexcept;

void random_bytes(std::span<std::uint8_t> out);

// A keyed MAC with its key schedule done once: for many short messages under one key.
// Not thread-safe; one per thread. Cost: about 0.5 µs per short message.
class HmacSha256 {
  public:
    explicit HmacSha256(std::string_view key);
    ~HmacSha256();
    HmacSha256(HmacSha256&&) noexcept;
    HmacSha256& operator=(HmacSha256&&) noexcept;

    Digest256 operator()(std::string_view data);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

inline std::string_view as_view(const Digest256& digest) noexcept {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string hex(std::string_view data);                            // lower case
std::optional<std::string> from_hex(std::string_view text);        // either case
std::string base32(std::string_view data);                         // RFC 4648, lower case, unpadded
std::string base64url(std::string_view data);                      // unpadded
std::optional<std::string> from_base64(std::string_view text);     // standard, padded or not
std::optional<std::string> from_base64url(std::string_view text);  // unpadded

}  // namespace subcults
