// One record naming another: by its at-uri, or in historical records by its key in the same
// repository.
//
// Nothing is looked up: the other record may be anywhere, or not be at all. Pure functions.
#pragma once

#include "base/uuid.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace subcults::indexer {

enum class ReferenceTo { scene, event };

struct Reference {
    std::string uri;         // normalised: without query and fragment
    std::optional<Uuid> id;  // of the record it names, if it names one of that kind by DID
};

// An address with a handle for an authority, or of something else, is kept as text alone: handles
// change hands.
Reference reference_from_uri(std::string_view text, ReferenceTo kind);

// `text` is a record key in the repository of `did`, meaning a record of the historical
// (app.subcult) collection, or an at-uri after all. nullopt when it is neither.
std::optional<Reference> reference_from_key(std::string_view did, std::string_view text,
                                            ReferenceTo kind);

}  // namespace subcults::indexer
