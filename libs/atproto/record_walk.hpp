// Walks a record along with the schema of its form and finds what is wrong with it.
//
// Internal to this folder and its tests.
#pragma once

#include "atproto/lexicon.hpp"
#include "atproto/record_validator.hpp"

namespace subcults::atproto {

// Deeper records are not searched to the end and count as private: nobody knows what is in there.
inline constexpr std::size_t max_record_depth = 512;

// Nothing, or the fault that RecordValidator::check promises. Without a schema only private keys
// are searched for. Recurses once per level of nesting. Thread-safe.
Result<void, RecordFault> walk_record(const ObjectSchema* schema,
                                      const simdjson::dom::object& record);

}  // namespace subcults::atproto
