#include "project/event.hpp"

namespace subcults::indexer {
namespace {

constexpr std::size_t max_title_bytes = 3000;
constexpr std::size_t max_description_bytes = 50'000;
constexpr std::size_t max_hosts = 50;

void read_common(EventRow& row, FieldReader& record) {
    row.description = record.text("description", max_description_bytes);
    row.kind = record.text("kind", max_word_bytes);
    row.status = record.text("status", max_word_bytes);
    row.starts_at = record.time("startsAt");
    if (!row.starts_at) record.fail("startsAt", "is required");
    row.ends_at = record.time("endsAt");
    row.created_at = record.time("createdAt");
}

}  // namespace

EventRow project_event(RowHead head, FieldReader& record) {
    EventRow row;
    static_cast<RowHead&>(row) = std::move(head);
    row.title = record.required_text("title", max_title_bytes);
    read_common(row, record);
    const auto hosts = record.texts("hostScenes", max_hosts, max_reference_bytes);
    if (hosts.empty()) return row;
    if (!hosts.front().starts_with("at://")) record.fail("hostScenes[0]", "must be an at-uri");
    row.scene = reference_from_uri(hosts.front(), ReferenceTo::scene);
    return row;
}

EventRow project_historical_event(RowHead head, FieldReader& record) {
    EventRow row;
    static_cast<RowHead&>(row) = std::move(head);
    row.title = record.required_text("name", max_title_bytes);
    read_common(row, record);
    row.scene = record.key("sceneId", row.author_did, ReferenceTo::scene);
    if (!row.scene) record.fail("sceneId", "is required");
    return row;
}

}  // namespace subcults::indexer
