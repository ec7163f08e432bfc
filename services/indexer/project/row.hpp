// What the typed rows have in common, and why a record may not become one.
#pragma once

#include "base/uuid.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace subcults::indexer {

// Which record a typed row stands for, in which revision.
struct RowHead {
    Uuid id;  // UUIDv5 of `uri` in the URL namespace
    std::string uri;
    std::string author_did;
    std::string rev;
    bool deleted = false;  // a tombstone: everything that is not in the head is empty
};

RowHead make_head(std::string_view did, std::string_view collection, std::string_view rkey,
                  std::string_view rev);

// What keeps a record from being shown, with the path to it. Never quotes the record.
struct ProjectionError {
    std::string path;
    std::string reason;
};

bool is_scene_collection(std::string_view collection) noexcept;
bool is_event_collection(std::string_view collection) noexcept;

}  // namespace subcults::indexer
