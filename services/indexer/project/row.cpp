#include "project/row.hpp"

#include "atproto/at_uri.hpp"

namespace subcults::indexer {

RowHead make_head(std::string_view did, std::string_view collection, std::string_view rkey,
                  std::string_view rev) {
    RowHead head;
    head.uri = atproto::make_at_uri(did, collection, rkey);
    head.id = uuid_v5(uuid_namespace_url, head.uri);
    head.author_did = did;
    head.rev = rev;
    return head;
}

bool is_scene_collection(std::string_view collection) noexcept {
    return collection == "tv.subcult.scene" || collection == "app.subcult.scene";
}

bool is_event_collection(std::string_view collection) noexcept {
    return collection == "tv.subcult.event" || collection == "app.subcult.event";
}

}  // namespace subcults::indexer
