// Reads the fields of a record for a projector and remembers the first thing that was wrong, so
// that a projector reads straight down and is asked once at the end.
//
// Absent and null are the same. The record has passed its lexicon before; what is checked here is
// what the database relies on: types, lengths that fit its indexes, times that are times.
// Borrows the record; not thread-safe.
#pragma once

#include "base/time.hpp"
#include "project/reference.hpp"
#include "project/row.hpp"

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::indexer {

class FieldReader {
  public:
    explicit FieldReader(const simdjson::dom::object& record) : record_(record) {}

    const std::optional<ProjectionError>& fault() const noexcept { return fault_; }
    // Only the first fault is kept. `path` is below "record.".
    void fail(std::string_view path, std::string_view reason);

    bool has(std::string_view field) const;
    std::optional<std::string> text(std::string_view field, std::size_t max_bytes);
    // Present and not only blanks, or a fault and "".
    std::string required_text(std::string_view field, std::size_t max_bytes);
    std::optional<UnixMicros> time(std::string_view field);
    std::optional<std::int64_t> integer(std::string_view field, std::int64_t low,
                                        std::int64_t high);
    // Whole numbers count as numbers.
    std::optional<double> number(std::string_view field, double low, double high);
    std::vector<std::string> texts(std::string_view field, std::size_t most, std::size_t max_bytes);
    // An array as JSON text; "[]" when absent.
    std::string array_json(std::string_view field);
    // The object in a field, or nullopt.
    std::optional<simdjson::dom::object> object(std::string_view field);

    std::optional<Reference> uri(std::string_view field, ReferenceTo kind);
    // A key of the same repository or an at-uri.
    std::optional<Reference> key(std::string_view field, std::string_view did, ReferenceTo kind);

  private:
    std::optional<simdjson::dom::element> find(std::string_view field) const;

    const simdjson::dom::object& record_;
    std::optional<ProjectionError> fault_;
};

// Rows of an index may not be larger than a third of a page: longer names are nobody's.
inline constexpr std::size_t max_reference_bytes = 8192;
inline constexpr std::size_t max_word_bytes = 640;

}  // namespace subcults::indexer
