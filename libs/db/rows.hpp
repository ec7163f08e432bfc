// The answer to one statement: rows in binary format, read in place.
//
// Views point into the result and live as long as it. Column types are the statement's business:
// a getter checks the size the type must have and throws std::logic_error on a mismatch, because
// that is a mistake in our SQL, never in the data.
#pragma once

#include "base/time.hpp"
#include "base/uuid.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

struct pg_result;

namespace subcults::db {

class Rows {
  public:
    Rows() = default;
    explicit Rows(pg_result* owned);

    int size() const noexcept;
    bool empty() const noexcept { return size() == 0; }
    // The command tag, for example "COMMIT", and the rows it affected.
    std::string_view command() const noexcept;
    std::int64_t affected() const noexcept;

    bool is_null(int row, int column) const;
    bool boolean(int row, int column) const;
    std::int32_t int4(int row, int column) const;
    std::int64_t int8(int row, int column) const;
    double float8(int row, int column) const;
    std::string_view text(int row, int column) const;  // text, varchar, name
    std::string_view bytea(int row, int column) const;
    std::string_view jsonb(int row, int column) const;  // without the version byte
    Uuid uuid(int row, int column) const;
    UnixMicros timestamptz(int row, int column) const;

  private:
    struct Free {
        void operator()(pg_result* result) const noexcept;
    };
    std::string_view value(int row, int column) const;
    std::string_view value(int row, int column, int expected_size) const;
    std::unique_ptr<pg_result, Free> result_;
};

}  // namespace subcults::db
