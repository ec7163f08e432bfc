// The envelope of a v1 frame as it was found: every known field with its state, nothing judged yet.
// Internal to the decoder: reading (JSON) and judging (protocol) are two steps.
#pragma once

#include <cstdint>
#include <string_view>

#include <simdjson.h>

namespace subcults::jetstream {

enum class FieldState : std::uint8_t {
    absent,
    present,
    wrong_type,
    out_of_range,  // a number, but not an integer of 64 bits
    unreadable,    // a string with an escape that stands for no character
};

template <class T>
struct Field {
    T value{};
    FieldState state = FieldState::absent;
    bool present() const noexcept { return state == FieldState::present; }
};

struct Envelope {
    Field<std::string_view> did;
    Field<std::int64_t> time_us;
    Field<std::string_view> kind;
    Field<std::int64_t> cursor;
    FieldState commit = FieldState::absent;
    FieldState identity = FieldState::absent;
    FieldState account = FieldState::absent;

    struct Commit {
        Field<std::string_view> rev;
        Field<std::string_view> operation;
        Field<std::string_view> collection;
        Field<std::string_view> rkey;
        Field<std::string_view> record;  // raw JSON of an object
        Field<std::string_view> cid;
    } commit_fields;

    struct Identity {
        Field<std::string_view> did;
        Field<std::string_view> handle;
        Field<std::int64_t> seq;
    } identity_fields;

    struct Account {
        Field<std::string_view> did;
        Field<std::string_view> status;
        Field<bool> active;
        Field<std::int64_t> seq;
    } account_fields;
};

// Where reading stopped: `duplicate` names a known key that came twice, else `json` is set.
struct EnvelopeFault {
    simdjson::error_code json = simdjson::SUCCESS;
    std::string_view duplicate;
    bool good() const noexcept { return json == simdjson::SUCCESS && duplicate.empty(); }
};

// Fills what can be read, also when it ends in a fault. Reads every key of the envelope and steps
// over all other values without looking inside. Views live in the parser or in its input.
EnvelopeFault read_envelope(simdjson::ondemand::parser& parser, const char* data, std::size_t size,
                            std::size_t capacity, Envelope& envelope) noexcept;

}  // namespace subcults::jetstream
