// Signed checkpoints: what all chains looked like at some time, in one line that is kept outside
// the database. Whoever can write the database can put back an older state of it, chains, heads and
// counts together; against a line that was exported before, that shows.
//
// A checkpoint covers the heads that moved since the one before:
//   leaf = SHA-256(0 ‖ entity ‖ seq ‖ hash), in the order of entity; node = SHA-256(1 ‖ l ‖ r), an
//   odd one goes up as it is; root = SHA-256(2 ‖ previous root ‖ top).
// Hence one line stands for everything before it. The signature is a MAC with a key of its own, so
// lines are checked by whoever has the privacy keys. Pure functions; not thread-safe (MAC
// contexts).
#pragma once

#include "audit/privacy_keys.hpp"
#include "base/time.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::api {

struct CheckpointHead {
    Uuid entity;
    std::int64_t seq = 0;
    std::string hash;
    bool operator==(const CheckpointHead&) const = default;
};

struct Checkpoint {
    std::int64_t number = 0;  // 1, 2, 3 …
    UnixMicros at;
    std::int64_t heads = 0;     // how many it covers
    std::string root;           // 32 bytes
    std::string previous_root;  // 32 bytes, of number - 1; zeros before the first
    std::int64_t kid = 0;
    std::string signature;  // 32 bytes
    bool operator==(const Checkpoint&) const = default;
};

std::string no_root();  // what the first checkpoint follows

// `heads` in the order of entity, each at most once.
std::string checkpoint_root(std::string_view previous_root,
                            const std::vector<CheckpointHead>& heads);

// The next checkpoint after `previous` (nullptr: the first one), signed with the current key.
Checkpoint make_checkpoint(PrivacyKeys& keys, const Checkpoint* previous, UnixMicros at,
                           const std::vector<CheckpointHead>& heads);

// At most so many heads are in one; more make several.
inline constexpr std::int64_t max_checkpoint_heads = 10'000;
// Clocks of replicas differ, and a head's time is that of its writer: a checkpoint looks at heads
// from so long before the one before it.
inline constexpr std::int64_t checkpoint_margin_us = 24LL * 3600 * 1'000'000;

enum class SignatureState { right, wrong, unknown_key };
SignatureState check_signature(PrivacyKeys& keys, const Checkpoint& checkpoint);

// One JSON object without a line end. Bytes are in hex.
std::string checkpoint_line(const Checkpoint& checkpoint);
// Reads such a line; also the log line of the same checkpoint, which has more members. nullopt for
// anything else.
std::optional<Checkpoint> read_checkpoint_line(std::string_view line);

// Key fingerprints do not fit the numbers of every JSON reader: they are written in hex.
std::string kid_text(std::int64_t kid);
std::optional<std::int64_t> read_kid(std::string_view text);

}  // namespace subcults::api
