// An app.subcult.alliance record, in its current or its historical form, as the `alliances` table
// knows it: one scene vouches for another.
//
// It counts only in the repository of the vouching scene's owner; whether it is there follows from
// the row itself, and the table says so.
#pragma once

#include "base/time.hpp"
#include "project/field_reader.hpp"
#include "project/row.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace subcults::indexer {

struct AllianceRow : RowHead {
    std::optional<Reference> from;
    std::optional<Reference> to;
    std::int32_t weight = 0;  // percent
    std::string status;
    std::optional<std::string> reason;
    std::optional<UnixMicros> since;
    std::optional<UnixMicros> created_at;
};

// The historical form names scenes by key and weighs from 0 to 1. Faults are left in `record`.
AllianceRow project_alliance(RowHead head, FieldReader& record);

}  // namespace subcults::indexer
