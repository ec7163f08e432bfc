// A scene record as the `scenes` table knows it, from either namespace.
#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "base/uuid.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::indexer {

struct SceneRow {
    Uuid id;
    std::string uri;
    std::string owner_did;
    std::string rev;
    std::string name;
    std::optional<std::string> description;
    std::vector<std::string> tags;
    std::string visibility = "public";
    std::optional<std::string> coarse_geohash;
    std::optional<UnixMicros> created_at;
    bool deleted = false;
};

// What keeps a record from being shown, with the path to it.
struct ProjectionError {
    std::string path;
    std::string reason;
};

bool is_scene_collection(std::string_view collection) noexcept;

// Reads records of one collection family. Not thread-safe (it reuses a parser).
class SceneProjector {
  public:
    SceneProjector();
    ~SceneProjector();

    // `record` is valid JSON (the decoder has seen to it).
    Result<SceneRow, ProjectionError> project(std::string_view did, std::string_view collection,
                                              std::string_view rkey, std::string_view rev,
                                              std::string_view record);
    // The row that stands for a deleted scene.
    static SceneRow tombstone(std::string_view did, std::string_view collection,
                              std::string_view rkey, std::string_view rev);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace subcults::indexer
