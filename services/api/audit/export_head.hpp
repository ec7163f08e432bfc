// The end of a chain as an export says it, signed: without it nobody can tell an export that was
// cut off from one of a shorter chain.
//
// The MAC has a key of its own and covers entity, number and hash of the last entry, and the counts
// where there are any. Pure functions; not thread-safe (MAC contexts).
#pragma once

#include "audit/chain_verifier.hpp"
#include "audit/checkpoint.hpp"

namespace subcults::api {

struct ExportHead {
    Uuid entity;
    ChainHead head;  // seq, hash and counts; nothing else is exported
    std::int64_t kid = 0;
    std::string signature;  // 32 bytes
};

// With the current key.
ExportHead sign_head(PrivacyKeys& keys, const Uuid& entity, const ChainHead& head);
SignatureState check_signature(PrivacyKeys& keys, const ExportHead& head);

}  // namespace subcults::api
