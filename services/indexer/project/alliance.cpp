#include "project/alliance.hpp"

#include <cmath>

namespace subcults::indexer {
namespace {

constexpr std::int32_t default_weight = 100;
constexpr std::size_t max_reason_bytes = 2560;

}  // namespace

AllianceRow project_alliance(RowHead head, FieldReader& record) {
    AllianceRow row;
    static_cast<RowHead&>(row) = std::move(head);
    const bool historical = record.has("fromSceneId") || record.has("toSceneId");
    const std::string_view from = historical ? "fromSceneId" : "fromScene";
    const std::string_view to = historical ? "toSceneId" : "toScene";
    if (historical) {
        row.from = record.key(from, row.author_did, ReferenceTo::scene);
        row.to = record.key(to, row.author_did, ReferenceTo::scene);
        const double weight = record.number("weight", 0, 1).value_or(1);
        row.weight = static_cast<std::int32_t>(std::lround(weight * 100));
    } else {
        row.from = record.uri(from, ReferenceTo::scene);
        row.to = record.uri(to, ReferenceTo::scene);
        row.weight =
            static_cast<std::int32_t>(record.integer("weight", 0, 100).value_or(default_weight));
    }
    if (!row.from) record.fail(from, "is required");
    if (!row.to) record.fail(to, "is required");
    if (row.from && row.to && row.from->uri == row.to->uri) {
        record.fail(to, "must be another scene");
    }
    row.status = record.text("status", max_word_bytes).value_or("active");
    row.reason = record.text("reason", max_reason_bytes);
    row.created_at = record.time("createdAt");
    row.since = record.time("since");
    if (!row.since) row.since = row.created_at;
    return row;
}

}  // namespace subcults::indexer
