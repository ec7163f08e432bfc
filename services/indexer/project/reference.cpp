#include "project/reference.hpp"

#include "atproto/at_uri.hpp"
#include "atproto/rkey.hpp"
#include "project/row.hpp"

namespace subcults::indexer {

Reference reference_from_uri(std::string_view text, ReferenceTo kind) {
    Reference made;
    made.uri = text.substr(0, text.find_first_of("?#"));
    const auto parsed = atproto::parse_at_uri(made.uri);
    if (!parsed) return made;
    const bool fits = kind == ReferenceTo::scene ? is_scene_collection(parsed->collection)
                                                 : is_event_collection(parsed->collection);
    if (fits) made.id = uuid_v5(uuid_namespace_url, made.uri);
    return made;
}

std::optional<Reference> reference_from_key(std::string_view did, std::string_view text,
                                            ReferenceTo kind) {
    if (text.starts_with("at://")) return reference_from_uri(text, kind);
    if (!atproto::is_valid_rkey(text)) return std::nullopt;
    const std::string_view collection =
        kind == ReferenceTo::scene ? "app.subcult.scene" : "app.subcult.event";
    return reference_from_uri(atproto::make_at_uri(did, collection, text), kind);
}

}  // namespace subcults::indexer
