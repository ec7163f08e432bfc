// Decodes Jetstream v1 frames with simdjson On-Demand, strictly: what passes can be stored.
//
// Beyond JSON itself a frame is refused for: a missing or ill-typed field, a known envelope key
// given twice, an unknown kind or operation, an identifier that breaks AT Protocol syntax or our
// column limits, and anything, in the record or beside it, that PostgreSQL's jsonb would not take
// (U+0000, lone surrogates, numbers beyond its range, nesting beyond 256 levels, malformed parts
// that a lazy parser would skip over; see json_guard.hpp).
//
// Envelope keys may come in any order and be written with escapes; unknown ones are ignored, and so
// are the objects of another kind and the record and cid of a delete. Limits in bytes: did 2048,
// collection 317, rkey 512, cid 256, status 64. `rev` is a TID. `time_us` is in [1e15, 4e15),
// `cursor` and `seq` are not negative. A create or update has a record (an object) and a cid.
// A handle that is missing, malformed or "handle.invalid" reads as absent: "resolve again". A DID
// repeated inside identity or account equals the outer one.
//
// A commit of a collection that is not wanted is looked at as far as it takes to know that: the
// envelope is read and time_us, did and collection are valid, nothing else is checked.
//
// Threading: one decoder per thread. Cost: 1 to 2 µs per 550-byte event, about half when not
// wanted (measured on a busy machine).
#pragma once

#include "base/result.hpp"
#include "jetstream/event.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::jetstream {

enum class DecodeFault {
    malformed_json,
    missing_field,
    wrong_type,
    unknown_kind,
    unknown_operation,
    invalid_identifier,  // did, collection, rkey, rev or cid breaks its syntax or limit
    invalid_number,      // time_us, cursor or seq out of range or not an integer
    unstorable_record,   // valid JSON that jsonb cannot hold
    too_large,
};
std::string_view to_string(DecodeFault fault) noexcept;

struct DecodeError {
    DecodeFault fault = DecodeFault::malformed_json;
    std::string path;    // where, for example "commit.rkey"; empty = the frame as a whole
    std::string reason;  // what, for an operator; never quotes the frame
    // What could still be read, so that a quarantined frame can be placed; valid if not 0 or empty.
    std::int64_t time_us = 0;
    std::string did;
};

// Decides on the collection before the record is validated: what is not wanted costs less.
// Exact NSIDs and `prefix.*`; empty or "*" = everything. Identity and account events always pass.
class CollectionFilter {
  public:
    explicit CollectionFilter(std::span<const std::string> patterns);
    bool wants(std::string_view collection) const noexcept;
    bool everything() const noexcept { return everything_; }
    const std::vector<std::string>& patterns() const noexcept { return patterns_; }
    // A message for a pattern that no server would take, or an empty string.
    static std::string check(const std::string& pattern);

  private:
    bool everything_ = false;
    std::vector<std::string> patterns_;
    std::vector<std::string> exact_;     // sorted
    std::vector<std::string> prefixes_;  // with the trailing dot
};

class Decoder {
  public:
    // `max_frame_bytes` bounds the parser's memory.
    explicit Decoder(CollectionFilter filter, std::size_t max_frame_bytes = 16 * 1024 * 1024);
    ~Decoder();
    Decoder(Decoder&&) noexcept;
    Decoder& operator=(Decoder&&) noexcept;

    // nullopt = a well-formed commit of a collection that is not wanted.
    // `padded`: at least 64 readable bytes follow `frame` (WsClient promises it); otherwise the
    // frame is copied first. The view's texts are valid until the next call and, if `padded`, no
    // longer than the frame.
    Result<std::optional<EventView>, DecodeError> decode(std::string_view frame, bool padded);

    // Where the commit stood that decode() returned nullopt for, the last time it did.
    struct Passed {
        std::int64_t time_us = 0;
        std::optional<std::int64_t> seq;
    };
    const Passed& passed() const noexcept;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace subcults::jetstream
