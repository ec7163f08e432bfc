#include "project/scene.hpp"

#include "atproto/at_uri.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>

namespace subcults::indexer {
namespace {

using simdjson::dom::element;

// Bytes, generously above the lexicons' limits in characters: what is beyond is not a name.
constexpr std::size_t max_name_bytes = 2000;
constexpr std::size_t max_description_bytes = 30'000;
constexpr std::size_t max_tags = 50;
constexpr std::size_t max_tag_bytes = 1000;

ProjectionError fault(std::string_view field, std::string reason) {
    return {"record." + std::string(field), std::move(reason)};
}

// Absent and null are the same; anything else must be a string within the limit.
Result<std::optional<std::string>, ProjectionError> text(const simdjson::dom::object& record,
                                                         std::string_view field,
                                                         std::size_t max_bytes) {
    element value;
    if (record[field].get(value) != simdjson::SUCCESS || value.is_null()) {
        return std::optional<std::string>();
    }
    std::string_view content;
    if (value.get(content) != simdjson::SUCCESS) return fault(field, "must be a string");
    if (content.size() > max_bytes) return fault(field, "is too long");
    return std::optional<std::string>(content);
}

Result<std::vector<std::string>, ProjectionError> tags(const simdjson::dom::object& record) {
    std::vector<std::string> found;
    element value;
    if (record["tags"].get(value) != simdjson::SUCCESS || value.is_null()) return found;
    simdjson::dom::array items;
    if (value.get(items) != simdjson::SUCCESS) return fault("tags", "must be an array");
    for (const element item : items) {
        std::string_view tag;
        if (item.get(tag) != simdjson::SUCCESS) return fault("tags", "must hold strings");
        if (tag.size() > max_tag_bytes) return fault("tags", "a tag is too long");
        if (found.size() == max_tags) return fault("tags", "too many tags");
        found.emplace_back(tag);
    }
    return found;
}

bool is_blank(std::string_view name) {
    return name.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

struct SceneProjector::Impl {
    simdjson::dom::parser parser;
};

SceneProjector::SceneProjector() : impl_(std::make_unique<Impl>()) {}
SceneProjector::~SceneProjector() = default;

bool is_scene_collection(std::string_view collection) noexcept {
    return collection == "tv.subcult.scene" || collection == "app.subcult.scene";
}

SceneRow SceneProjector::tombstone(std::string_view did, std::string_view collection,
                                   std::string_view rkey, std::string_view rev) {
    SceneRow row;
    row.uri = atproto::make_at_uri(did, collection, rkey);
    row.id = uuid_v5(uuid_namespace_url, row.uri);
    row.owner_did = did;
    row.rev = rev;
    row.deleted = true;
    return row;
}

Result<SceneRow, ProjectionError> SceneProjector::project(std::string_view did,
                                                          std::string_view collection,
                                                          std::string_view rkey,
                                                          std::string_view rev,
                                                          std::string_view record_json) {
    simdjson::dom::object record;
    const auto parsed = impl_->parser.parse(record_json.data(), record_json.size());
    if (parsed.get(record) != simdjson::SUCCESS) return ProjectionError{"record", "is no object"};

    SceneRow row = tombstone(did, collection, rkey, rev);
    row.deleted = false;

    auto name = text(record, "name", max_name_bytes);
    if (!name) return name.error();
    if (!*name || is_blank(**name)) return fault("name", "is required");
    row.name = std::move(**name);

    auto description = text(record, "description", max_description_bytes);
    if (!description) return description.error();
    row.description = std::move(*description);

    auto found_tags = tags(record);
    if (!found_tags) return found_tags.error();
    row.tags = std::move(*found_tags);

    constexpr std::array<std::string_view, 3> visibilities{"public", "unlisted", "private"};
    auto visibility = text(record, "visibility", 64);
    if (!visibility) return visibility.error();
    if (*visibility) {
        if (std::find(visibilities.begin(), visibilities.end(), **visibility) ==
            visibilities.end()) {
            return fault("visibility", "must be public, unlisted or private");
        }
        row.visibility = std::move(**visibility);
    }

    auto geohash = text(record, "coarseGeohash", 8);
    if (!geohash) return geohash.error();
    row.coarse_geohash = std::move(*geohash);

    auto created = text(record, "createdAt", 64);
    if (!created) return created.error();
    if (*created) {
        row.created_at = parse_rfc3339(**created);
        if (!row.created_at) return fault("createdAt", "is no RFC 3339 time");
    }
    return row;
}

}  // namespace subcults::indexer
