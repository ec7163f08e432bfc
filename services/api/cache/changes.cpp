#include "cache/changes.hpp"

#include "base/crypto.hpp"

#include <algorithm>
#include <charconv>

namespace subcults::api {

namespace {

// "1 ORIGIN PART…", parts separated by blanks: s or t for the kind, then * or ids; p and a number.
constexpr std::string_view version = "1";
constexpr char sessions_mark = 's';
constexpr char trust_mark = 't';
constexpr char probe_mark = 'p';
// 22 characters each or less, as they are encoded together.
constexpr std::size_t ids_per_payload = 300;
constexpr std::size_t id_bytes = 16;

std::string_view bytes_of(const Uuid& id) {
    return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

std::optional<Uuid> id_from(std::string_view bytes) {
    if (bytes.size() != id_bytes) return std::nullopt;
    Uuid id;
    std::transform(bytes.begin(), bytes.end(), id.bytes.begin(),
                   [](char c) { return static_cast<std::uint8_t>(c); });
    return id;
}

void encode_ids(std::vector<std::string>& payloads, const std::string& head, char mark,
                const ChangedIds& changed) {
    if (changed.all()) {
        payloads.push_back(head + ' ' + mark + '*');
        return;
    }
    std::string bytes;
    std::size_t left = changed.ids().size();
    for (const Uuid& id : changed.ids()) {
        bytes.append(bytes_of(id));
        --left;
        if (left != 0 && bytes.size() < ids_per_payload * id_bytes) continue;
        payloads.push_back(head + ' ' + mark + base64url(bytes));
        bytes.clear();
    }
}

bool decode_ids(std::string_view text, ChangedIds& into) {
    if (text == "*") {
        into.add_all();
        return true;
    }
    const auto bytes = from_base64url(text);
    if (!bytes || bytes->empty() || bytes->size() % id_bytes != 0) return false;
    const std::string_view all(*bytes);
    for (std::size_t at = 0; at < all.size(); at += id_bytes)
        into.add(*id_from(all.substr(at, id_bytes)));
    return true;
}

bool decode_number(std::string_view text, std::optional<std::uint64_t>& into) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return false;
    into = number;
    return true;
}

std::string_view next_part(std::string_view& text) {
    const std::size_t blank = text.find(' ');
    const std::string_view part = text.substr(0, blank);
    text.remove_prefix(blank == std::string_view::npos ? text.size() : blank + 1);
    return part;
}

bool decode_part(std::string_view part, Changes& into) {
    if (part.empty()) return false;
    const char mark = part.front();
    part.remove_prefix(1);
    if (mark == sessions_mark) return decode_ids(part, into.sessions);
    if (mark == trust_mark) return decode_ids(part, into.trust);
    if (mark == probe_mark) return decode_number(part, into.probe);
    return false;
}

}  // namespace

void ChangedIds::add(const Uuid& id) {
    if (all_) return;
    ids_.insert(id);
    if (ids_.size() > most) add_all();
}

void ChangedIds::add_all() noexcept {
    all_ = true;
    ids_.clear();
}

void ChangedIds::merge(const ChangedIds& other) {
    if (other.all_) add_all();
    for (const Uuid& id : other.ids_)
        add(id);
}

void Changes::merge(const Changes& other) {
    sessions.merge(other.sessions);
    trust.merge(other.trust);
    if (other.probe) probe = std::max(probe.value_or(*other.probe), *other.probe);
}

std::vector<std::string> encode_changes(const Uuid& origin, const Changes& changes) {
    std::string head(version);
    head.append(1, ' ').append(base64url(bytes_of(origin)));
    std::vector<std::string> payloads;
    encode_ids(payloads, head, sessions_mark, changes.sessions);
    encode_ids(payloads, head, trust_mark, changes.trust);
    // Last, so that one that has come back vouches for what was sent with it.
    if (changes.probe) payloads.push_back(head + ' ' + probe_mark + std::to_string(*changes.probe));
    return payloads;
}

std::optional<ChangeMessage> decode_changes(std::string_view payload) {
    if (next_part(payload) != version) return std::nullopt;
    const auto origin_bytes = from_base64url(next_part(payload));
    if (!origin_bytes) return std::nullopt;
    const auto origin = id_from(*origin_bytes);
    if (!origin || payload.empty()) return std::nullopt;
    ChangeMessage message;
    message.origin = *origin;
    while (!payload.empty()) {
        if (!decode_part(next_part(payload), message.changes)) return std::nullopt;
    }
    return message;
}

}  // namespace subcults::api
