#include "db/rows.hpp"

#include "db/wire.hpp"

#include <libpq-fe.h>

#include <bit>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <string>

namespace subcults::db {

namespace {

[[noreturn]] void mistake(int row, int column, std::string_view what) {
    std::string text = "row ";
    text.append(std::to_string(row)).append(", column ").append(std::to_string(column));
    text.append(": ").append(what);
    throw std::logic_error(text);
}

}  // namespace

void Rows::Free::operator()(pg_result* result) const noexcept {
    PQclear(result);
}

Rows::Rows(pg_result* owned) : result_(owned) {}

int Rows::size() const noexcept {
    return result_ ? PQntuples(result_.get()) : 0;
}

std::string_view Rows::command() const noexcept {
    return result_ ? std::string_view(PQcmdStatus(result_.get())) : std::string_view();
}

std::int64_t Rows::affected() const noexcept {
    if (!result_) return 0;
    const std::string_view text = PQcmdTuples(result_.get());
    std::int64_t count = 0;
    std::from_chars(text.data(), text.data() + text.size(), count);
    return count;
}

bool Rows::is_null(int row, int column) const {
    if (row < 0 || row >= size() || column < 0 || column >= PQnfields(result_.get())) {
        mistake(row, column, "no such value");
    }
    return PQgetisnull(result_.get(), row, column) != 0;
}

std::string_view Rows::value(int row, int column) const {
    if (is_null(row, column)) mistake(row, column, "is NULL");
    return {PQgetvalue(result_.get(), row, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::string_view Rows::value(int row, int column, int expected_size) const {
    const auto bytes = value(row, column);
    if (bytes.size() != static_cast<std::size_t>(expected_size)) {
        mistake(row, column, "has another type than it is read as");
    }
    return bytes;
}

bool Rows::boolean(int row, int column) const {
    return value(row, column, 1).front() != 0;
}

std::int32_t Rows::int4(int row, int column) const {
    return wire::load<std::int32_t>(value(row, column, 4).data());
}

std::int64_t Rows::int8(int row, int column) const {
    return wire::load<std::int64_t>(value(row, column, 8).data());
}

double Rows::float8(int row, int column) const {
    return std::bit_cast<double>(wire::load<std::uint64_t>(value(row, column, 8).data()));
}

std::string_view Rows::text(int row, int column) const {
    return value(row, column);
}

std::string_view Rows::bytea(int row, int column) const {
    return value(row, column);
}

std::string_view Rows::jsonb(int row, int column) const {
    auto bytes = value(row, column);
    if (bytes.empty() || bytes.front() != wire::jsonb_version) {
        mistake(row, column, "has another type than it is read as");
    }
    bytes.remove_prefix(1);
    return bytes;
}

Uuid Rows::uuid(int row, int column) const {
    const auto bytes = value(row, column, 16);
    Uuid id;
    std::memcpy(id.bytes.data(), bytes.data(), bytes.size());
    return id;
}

UnixMicros Rows::timestamptz(int row, int column) const {
    return wire::from_postgres(wire::load<std::int64_t>(value(row, column, 8).data()));
}

}  // namespace subcults::db
