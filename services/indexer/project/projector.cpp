#include "project/projector.hpp"

#include "atproto/record_validator.hpp"

#include <simdjson.h>

namespace subcults::indexer {

struct Projector::Impl {
    atproto::RecordValidator validator;
    simdjson::dom::parser parser;
};

Projector::Projector() : impl_(std::make_unique<Impl>()) {}
Projector::~Projector() = default;

namespace {

template <class Row>
Row with_head(RowHead head) {
    Row row;
    static_cast<RowHead&>(row) = std::move(head);
    return row;
}

bool in_our_namespaces(std::string_view collection) noexcept {
    return collection.starts_with("tv.subcult.") || collection.starts_with("app.subcult.");
}

TypedRow read(RowHead head, std::string_view collection, FieldReader& record) {
    if (is_scene_collection(collection)) return project_scene(std::move(head), record);
    if (collection == "tv.subcult.event") return project_event(std::move(head), record);
    if (collection == "app.subcult.event") return project_historical_event(std::move(head), record);
    if (collection == "app.subcult.post") return project_post(std::move(head), record);
    if (collection == "app.subcult.alliance") return project_alliance(std::move(head), record);
    if (collection == "app.subcult.membership") return project_membership(std::move(head), record);
    return {};
}

}  // namespace

TypedRow Projector::tombstone(std::string_view did, std::string_view collection,
                              std::string_view rkey, std::string_view rev) {
    if (!in_our_namespaces(collection)) return {};
    RowHead head = make_head(did, collection, rkey, rev);
    head.deleted = true;
    if (is_scene_collection(collection)) return with_head<SceneRow>(std::move(head));
    if (is_event_collection(collection)) return with_head<EventRow>(std::move(head));
    if (collection == "app.subcult.post") return with_head<PostRow>(std::move(head));
    if (collection == "app.subcult.alliance") return with_head<AllianceRow>(std::move(head));
    if (collection == "app.subcult.membership") return with_head<MembershipRow>(std::move(head));
    return {};
}

Projection Projector::project(std::string_view did, std::string_view collection,
                              std::string_view rkey, std::string_view rev,
                              std::string_view record) {
    Projection made;
    if (!in_our_namespaces(collection) && !impl_->validator.knows(collection)) return made;

    simdjson::dom::object object;
    if (impl_->parser.parse(record.data(), record.size()).get(object) != simdjson::SUCCESS) {
        // What could not be read was not searched for private data either (the parser knows no
        // numbers beyond 64 bits, for example): it is treated as if it held some.
        made.fault = ProjectionError{"record", "cannot be read"};
        made.private_data = true;
    } else if (const auto judged = impl_->validator.check(collection, object); !judged) {
        made.fault = ProjectionError{judged.error().path, judged.error().reason};
        made.private_data = judged.error().kind == atproto::RecordFault::Kind::private_data;
    } else {
        FieldReader reader(object);
        made.row = read(make_head(did, collection, rkey, rev), collection, reader);
        made.fault = reader.fault();
    }
    // Not showing it is better than showing what it was before.
    if (made.fault) made.row = tombstone(did, collection, rkey, rev);
    return made;
}

}  // namespace subcults::indexer
