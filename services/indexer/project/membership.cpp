#include "project/membership.hpp"

#include "atproto/did.hpp"

namespace subcults::indexer {

MembershipRow project_membership(RowHead head, FieldReader& record) {
    constexpr std::int32_t default_weight = 50;
    MembershipRow row;
    static_cast<RowHead&>(row) = std::move(head);
    row.scene = record.uri("scene", ReferenceTo::scene);
    if (!row.scene) record.fail("scene", "is required");
    row.member_did = record.text("member", atproto::max_did_bytes);
    if (!row.member_did || !atproto::is_valid_did(*row.member_did)) {
        record.fail("member", "must be a DID");
    }
    row.role = record.text("role", max_word_bytes).value_or("member");
    row.status = record.text("status", max_word_bytes).value_or("pending");
    row.weight =
        static_cast<std::int32_t>(record.integer("weight", 0, 100).value_or(default_weight));
    row.created_at = record.time("createdAt");
    row.since = record.time("since");
    if (!row.since) row.since = row.created_at;
    return row;
}

}  // namespace subcults::indexer
