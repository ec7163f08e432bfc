#include "project/scene.hpp"

#include "project/geohash.hpp"

#include <algorithm>
#include <array>

namespace subcults::indexer {
namespace {

// Bytes, generously above the lexicons' limits in characters: what is beyond is not a name.
constexpr std::size_t max_name_bytes = 2000;
constexpr std::size_t max_description_bytes = 30'000;
constexpr std::size_t max_tags = 50;
constexpr std::size_t max_tag_bytes = 1000;

// No location, no geohash: nothing is made up.
std::optional<std::string> geohash_of_location(FieldReader& record) {
    const auto location = record.object("location");
    if (!location) return std::nullopt;
    FieldReader point(*location);
    const auto latitude = point.number("lat", -90, 90);
    const auto longitude = point.number("lng", -180, 180);
    if (point.fault()) record.fail("location", "is no pair of degrees");
    if (!latitude || !longitude) return std::nullopt;
    return coarse_geohash(*latitude, *longitude);
}

}  // namespace

SceneRow project_scene(RowHead head, FieldReader& record) {
    SceneRow row;
    static_cast<RowHead&>(row) = std::move(head);
    row.name = record.required_text("name", max_name_bytes);
    row.description = record.text("description", max_description_bytes);
    row.tags = record.texts("tags", max_tags, max_tag_bytes);

    constexpr std::array<std::string_view, 3> visibilities{"public", "unlisted", "private"};
    if (auto visibility = record.text("visibility", max_word_bytes)) {
        if (std::find(visibilities.begin(), visibilities.end(), *visibility) ==
            visibilities.end()) {
            record.fail("visibility", "must be public, unlisted or private");
        }
        row.visibility = std::move(*visibility);
    }
    row.coarse_geohash = record.text("coarseGeohash", 8);
    if (!row.coarse_geohash) row.coarse_geohash = geohash_of_location(record);
    row.created_at = record.time("createdAt");
    return row;
}

}  // namespace subcults::indexer
