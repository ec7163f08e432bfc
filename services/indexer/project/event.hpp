// An event record, of either namespace, as the `events` table knows it.
#pragma once

#include "base/time.hpp"
#include "project/field_reader.hpp"
#include "project/row.hpp"

#include <optional>
#include <string>

namespace subcults::indexer {

struct EventRow : RowHead {
    // The first of the hosts, or the one scene of a historical event.
    std::optional<Reference> scene;
    std::string title;
    std::optional<std::string> description;
    std::optional<std::string> kind;
    std::optional<std::string> status;
    std::optional<UnixMicros> starts_at;
    std::optional<UnixMicros> ends_at;
    std::optional<UnixMicros> created_at;
};

// tv.subcult.event. Faults are left in `record`.
EventRow project_event(RowHead head, FieldReader& record);
// app.subcult.event: has a name instead of a title, and names its scene by key.
EventRow project_historical_event(RowHead head, FieldReader& record);

}  // namespace subcults::indexer
