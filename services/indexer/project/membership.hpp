// An app.subcult.membership record as the `memberships` table knows it: who belongs to a scene.
//
// It counts only in the repository of the scene's owner; the table says whether it is there.
#pragma once

#include "base/time.hpp"
#include "project/field_reader.hpp"
#include "project/row.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace subcults::indexer {

struct MembershipRow : RowHead {
    std::optional<Reference> scene;
    std::optional<std::string> member_did;
    std::string role;
    std::string status;
    std::int32_t weight = 0;  // percent
    std::optional<UnixMicros> since;
    std::optional<UnixMicros> created_at;
};

// Faults are left in `record`.
MembershipRow project_membership(RowHead head, FieldReader& record);

}  // namespace subcults::indexer
