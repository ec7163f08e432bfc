// From a record to its typed row: the lexicon decides whether it is one, a projector per type
// reads it.
//
// Records of other collections, and of ours that have no table, become no row; the latter are
// still judged by their lexicon. Not thread-safe: a parser is reused. Cost: one parse of the record
// and a walk over it, nothing for collections outside the project's namespaces.
#pragma once

#include "project/alliance.hpp"
#include "project/event.hpp"
#include "project/membership.hpp"
#include "project/post.hpp"
#include "project/row.hpp"
#include "project/scene.hpp"

#include <memory>
#include <optional>
#include <string_view>
#include <variant>

namespace subcults::indexer {

// monostate = the collection has no table.
using TypedRow =
    std::variant<std::monostate, SceneRow, EventRow, PostRow, AllianceRow, MembershipRow>;

struct Projection {
    TypedRow row;  // a tombstone when there is a fault
    std::optional<ProjectionError> fault;
    bool private_data = false;  // the fault is that the record holds what nobody may keep
};

class Projector {
  public:
    Projector();
    ~Projector();
    Projector(const Projector&) = delete;
    Projector& operator=(const Projector&) = delete;

    // `record` is valid JSON that can be stored (the decoder has seen to it).
    Projection project(std::string_view did, std::string_view collection, std::string_view rkey,
                       std::string_view rev, std::string_view record);
    // The row that stands for a deleted record.
    static TypedRow tombstone(std::string_view did, std::string_view collection,
                              std::string_view rkey, std::string_view rev);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace subcults::indexer
