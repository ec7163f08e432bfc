#include "audit/export_head.hpp"

#include "audit/mac_message.hpp"

namespace subcults::api {
namespace {

void append_count(std::string& out, const std::optional<std::int64_t>& count) {
    append_u64(out, count ? 1 : 0);
    append_u64(out, static_cast<std::uint64_t>(count.value_or(0)));
}

std::string signed_part(const ExportHead& head) {
    std::string message = "subcults audit export 1";
    message.append(reinterpret_cast<const char*>(head.entity.bytes.data()),
                   head.entity.bytes.size());
    append_u64(message, static_cast<std::uint64_t>(head.head.seq));
    append_field(message, head.head.hash);
    append_count(message, head.head.joins);
    append_count(message, head.head.leaves);
    append_u64(message, static_cast<std::uint64_t>(head.kid));
    return message;
}

}  // namespace

ExportHead sign_head(PrivacyKeys& keys, const Uuid& entity, const ChainHead& head) {
    ExportHead made;
    made.entity = entity;
    made.head.seq = head.seq;
    made.head.hash = head.hash;
    made.head.joins = head.joins;
    made.head.leaves = head.leaves;
    made.kid = keys.current_kid();
    const Digest256 signature = keys.export_head(made.kid, signed_part(made));
    made.signature = subcults::as_view(signature);
    return made;
}

SignatureState check_signature(PrivacyKeys& keys, const ExportHead& head) {
    if (!keys.knows(head.kid)) return SignatureState::unknown_key;
    const Digest256 right = keys.export_head(head.kid, signed_part(head));
    return constant_time_equal(subcults::as_view(right), head.signature) ? SignatureState::right
                                                                         : SignatureState::wrong;
}

}  // namespace subcults::api
