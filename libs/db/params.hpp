// Parameters of one statement, encoded in PostgreSQL's binary format: no escaping, no quoting, and
// a text that no array literal could hold safely is just bytes with a length.
//
//     Params p; p.uuid(id).text(name).int8_array(counts);
//
// Owns a copy of everything it is given. Not thread-safe. Cost: one growing buffer per statement.
// Errors: a value of a gigabyte or more throws std::length_error (the server takes no such thing).
// The extreme values of UnixMicros travel as -infinity and infinity.
#pragma once

#include "base/time.hpp"
#include "base/uuid.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::db {

class Params {
  public:
    Params& null();
    Params& boolean(bool value);
    Params& int4(std::int32_t value);
    Params& int8(std::int64_t value);
    Params& float8(double value);
    Params& text(std::string_view value);  // must be valid UTF-8 without NUL: checked by the caller
    Params& bytea(std::string_view value);
    Params& uuid(const Uuid& value);
    Params& timestamptz(UnixMicros value);
    Params& jsonb(std::string_view json);

    Params& boolean_array(std::span<const bool> values);
    Params& int4_array(std::span<const std::int32_t> values);
    Params& int8_array(std::span<const std::int64_t> values);
    Params& float8_array(std::span<const std::optional<double>> values);
    Params& text_array(std::span<const std::string_view> values);
    Params& text_array(std::span<const std::optional<std::string_view>> values);
    Params& bytea_array(std::span<const std::string_view> values);
    Params& bytea_array(std::span<const std::optional<std::string_view>> values);
    Params& uuid_array(std::span<const Uuid> values);
    Params& uuid_array(std::span<const std::optional<Uuid>> values);
    Params& timestamptz_array(std::span<const UnixMicros> values);
    Params& timestamptz_array(std::span<const std::optional<UnixMicros>> values);
    Params& jsonb_array(std::span<const std::optional<std::string_view>> values);

    // What libpq's PQsendQueryPrepared takes. The pointers are valid until the next change.
    int size() const noexcept { return static_cast<int>(slots_.size()); }
    std::vector<const char*> pointers() const;
    std::vector<int> lengths() const;
    std::vector<int> formats() const;  // all 1 = binary

    std::size_t bytes() const noexcept { return buffer_.size(); }

  private:
    struct Slot {
        std::size_t offset;
        int length;  // -1 = NULL
    };
    template <class Write>
    Params& add(Write write);

    std::string buffer_;
    std::vector<Slot> slots_;
};

}  // namespace subcults::db
