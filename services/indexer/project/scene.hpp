// A scene record, of either namespace, as the `scenes` table knows it.
#pragma once

#include "base/time.hpp"
#include "project/field_reader.hpp"
#include "project/row.hpp"

#include <optional>
#include <string>
#include <vector>

namespace subcults::indexer {

struct SceneRow : RowHead {
    std::string name;
    std::optional<std::string> description;
    std::vector<std::string> tags;
    std::string visibility = "public";
    // As the scene says itself, or from the location of a historical record: the point itself is
    // not kept, whatever the record allows.
    std::optional<std::string> coarse_geohash;
    std::optional<UnixMicros> created_at;
};

// Faults are left in `record`.
SceneRow project_scene(RowHead head, FieldReader& record);

}  // namespace subcults::indexer
