// An app.subcult.post record as the `posts` table knows it.
#pragma once

#include "base/time.hpp"
#include "project/field_reader.hpp"
#include "project/row.hpp"

#include <optional>
#include <string>

namespace subcults::indexer {

struct PostRow : RowHead {
    std::optional<Reference> scene;  // at least one of the two
    std::optional<Reference> event;
    std::string text;
    std::string attachments = "[]";  // JSON
    std::string labels = "[]";       // JSON
    std::optional<UnixMicros> created_at;
};

// Faults are left in `record`.
PostRow project_post(RowHead head, FieldReader& record);

}  // namespace subcults::indexer
