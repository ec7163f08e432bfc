// Syntax of content identifiers in their text form: CIDv1 in base32 (`b…`) and CIDv0 (`Qm…`).
//
// The structure is judged (version, codec, multihash and that the digest is as long as it says),
// not whether the digest belongs to any content. Other multibases do not occur on the network and
// are refused. Checking never throws, allocates nothing, is thread-safe; one look-up per byte.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace subcults::atproto {

inline constexpr std::size_t max_cid_bytes = 256;

bool is_valid_cid(std::string_view text) noexcept;

// The CIDv1 of DAG-CBOR content with this SHA-256 digest, 59 characters.
std::string dag_cbor_cid(std::span<const std::uint8_t, 32> digest);

}  // namespace subcults::atproto
