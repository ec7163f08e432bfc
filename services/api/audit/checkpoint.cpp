#include "audit/checkpoint.hpp"

#include "audit/mac_message.hpp"
#include "base/json_writer.hpp"

#include <rapidjson/document.h>

#include <charconv>

namespace subcults::api {
namespace {

constexpr std::size_t root_bytes = 32;

std::string digest(std::string_view message) {
    const Digest256 made = sha256(message);
    return std::string(subcults::as_view(made));
}

std::string leaf(const CheckpointHead& head) {
    std::string message(1, '\0');
    message.append(reinterpret_cast<const char*>(head.entity.bytes.data()),
                   head.entity.bytes.size());
    append_u64(message, static_cast<std::uint64_t>(head.seq));
    message.append(head.hash);
    return digest(message);
}

std::string merkle_top(const std::vector<CheckpointHead>& heads) {
    std::vector<std::string> level;
    level.reserve(heads.size());
    for (const CheckpointHead& head : heads)
        level.push_back(leaf(head));
    if (level.empty()) return no_root();
    while (level.size() > 1) {
        std::vector<std::string> above;
        above.reserve(level.size() / 2 + 1);
        for (std::size_t i = 0; i + 1 < level.size(); i += 2)
            above.push_back(digest("\x01" + level[i] + level[i + 1]));
        if (level.size() % 2 == 1) above.push_back(std::move(level.back()));
        level = std::move(above);
    }
    return level.front();
}

std::string signed_part(const Checkpoint& checkpoint) {
    std::string message = "subcults audit checkpoint 1";
    append_u64(message, static_cast<std::uint64_t>(checkpoint.number));
    append_u64(message, static_cast<std::uint64_t>(checkpoint.at.value));
    append_u64(message, static_cast<std::uint64_t>(checkpoint.heads));
    append_u64(message, static_cast<std::uint64_t>(checkpoint.kid));
    append_u64(message, checkpoint.root.size());
    message.append(checkpoint.root);
    message.append(checkpoint.previous_root);
    return message;
}

std::optional<std::string_view> text_member(const rapidjson::Document& document, const char* name) {
    const auto member = document.FindMember(name);
    if (member == document.MemberEnd() || !member->value.IsString()) return std::nullopt;
    return std::string_view(member->value.GetString(), member->value.GetStringLength());
}

std::optional<std::int64_t> number_member(const rapidjson::Document& document, const char* name) {
    const auto member = document.FindMember(name);
    if (member == document.MemberEnd() || !member->value.IsInt64()) return std::nullopt;
    return member->value.GetInt64();
}

std::optional<std::string> digest_member(const rapidjson::Document& document, const char* name) {
    const auto text = text_member(document, name);
    if (!text || text->size() != 2 * root_bytes) return std::nullopt;
    return from_hex(*text);
}

}  // namespace

std::string no_root() {
    return std::string(root_bytes, '\0');
}

std::string checkpoint_root(std::string_view previous_root,
                            const std::vector<CheckpointHead>& heads) {
    std::string message = "\x02";
    message.append(previous_root);
    message.append(merkle_top(heads));
    return digest(message);
}

Checkpoint make_checkpoint(PrivacyKeys& keys, const Checkpoint* previous, UnixMicros at,
                           const std::vector<CheckpointHead>& heads) {
    Checkpoint made;
    made.number = previous != nullptr ? previous->number + 1 : 1;
    made.at = at;
    made.heads = static_cast<std::int64_t>(heads.size());
    made.previous_root = previous != nullptr ? previous->root : no_root();
    made.root = checkpoint_root(made.previous_root, heads);
    made.kid = keys.current_kid();
    const Digest256 signature = keys.checkpoint(made.kid, signed_part(made));
    made.signature = subcults::as_view(signature);
    return made;
}

SignatureState check_signature(PrivacyKeys& keys, const Checkpoint& checkpoint) {
    if (!keys.knows(checkpoint.kid)) return SignatureState::unknown_key;
    const Digest256 right = keys.checkpoint(checkpoint.kid, signed_part(checkpoint));
    return constant_time_equal(subcults::as_view(right), checkpoint.signature)
               ? SignatureState::right
               : SignatureState::wrong;
}

std::string kid_text(std::int64_t kid) {
    std::string bytes;
    append_u64(bytes, static_cast<std::uint64_t>(kid));
    return hex(bytes);
}

std::optional<std::int64_t> read_kid(std::string_view text) {
    constexpr std::size_t digits = 16;
    if (text.size() != digits) return std::nullopt;
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
    return static_cast<std::int64_t>(value);
}

std::string checkpoint_line(const Checkpoint& checkpoint) {
    JsonWriter json;
    json.begin_object()
        .field("number", checkpoint.number)
        .field("at", format_rfc3339(checkpoint.at))
        .field("heads", checkpoint.heads)
        .field("root", hex(checkpoint.root))
        .field("previous_root", hex(checkpoint.previous_root))
        .field("kid", kid_text(checkpoint.kid))
        .field("signature", hex(checkpoint.signature))
        .end_object();
    return json.take();
}

std::optional<Checkpoint> read_checkpoint_line(std::string_view line) {
    rapidjson::Document document;
    document.Parse(line.data(), line.size());
    if (document.HasParseError() || !document.IsObject()) return std::nullopt;
    const auto number = number_member(document, "number");
    const auto heads = number_member(document, "heads");
    const auto at_text = text_member(document, "at");
    const auto kid_field = text_member(document, "kid");
    auto root = digest_member(document, "root");
    auto previous_root = digest_member(document, "previous_root");
    auto signature = digest_member(document, "signature");
    if (!number || !heads || !at_text || !kid_field || !root || !previous_root || !signature) {
        return std::nullopt;
    }
    const auto at = parse_rfc3339(*at_text);
    const auto kid = read_kid(*kid_field);
    if (!at || !kid) return std::nullopt;
    Checkpoint read;
    read.number = *number;
    read.at = *at;
    read.heads = *heads;
    read.root = std::move(*root);
    read.previous_root = std::move(*previous_root);
    read.kid = *kid;
    read.signature = std::move(*signature);
    return read;
}

}  // namespace subcults::api
