#include "project/post.hpp"

namespace subcults::indexer {

PostRow project_post(RowHead head, FieldReader& record) {
    constexpr std::size_t max_text_bytes = 1 << 20;
    PostRow row;
    static_cast<RowHead&>(row) = std::move(head);
    row.text = record.required_text("text", max_text_bytes);
    row.scene = record.key("sceneId", row.author_did, ReferenceTo::scene);
    row.event = record.key("eventId", row.author_did, ReferenceTo::event);
    if (!row.scene && !row.event) record.fail("sceneId", "is required, or eventId");
    row.attachments = record.array_json("attachments");
    row.labels = record.array_json("labels");
    row.created_at = record.time("createdAt");
    return row;
}

}  // namespace subcults::indexer
