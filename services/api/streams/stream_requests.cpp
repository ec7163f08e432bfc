#include "streams/stream_requests.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace subcults::api {
namespace {

InputError invalid(std::string message) {
    return {"validation_error", std::move(message)};
}

Result<std::optional<Uuid>, InputError> read_uuid(const JsonBody& body, std::string_view field) {
    const auto text = body.string(field);
    if (!text) return text.error();
    if (!*text) return std::optional<Uuid>();
    const auto id = Uuid::parse(**text);
    if (!id) return invalid("Field '" + std::string(field) + "' must be a UUID.");
    return std::optional<Uuid>(*id);
}

}  // namespace

Result<JoinRequest, InputError> read_join(std::string_view text) {
    const auto body = JsonBody::parse(text, {"token_issued_at"});
    if (!body) return body.error();
    const auto issued = body->string("token_issued_at");
    if (!issued) return issued.error();
    JoinRequest request;
    if (*issued) {
        request.token_issued_at = parse_rfc3339(**issued);
        if (!request.token_issued_at) {
            return invalid("Field 'token_issued_at' must be an RFC 3339 time.");
        }
    }
    return request;
}

Result<Subject, InputError> read_create(std::string_view text) {
    const auto body = JsonBody::parse(text, {"scene_id", "event_id"});
    if (!body) return body.error();
    const auto scene = read_uuid(*body, "scene_id");
    if (!scene) return scene.error();
    const auto event = read_uuid(*body, "event_id");
    if (!event) return event.error();
    if (scene->has_value() == event->has_value()) {
        return invalid("Exactly one of 'scene_id' and 'event_id' is required.");
    }
    Subject subject;
    subject.kind = *scene ? Subject::Kind::scene : Subject::Kind::event;
    subject.id = *scene ? **scene : **event;
    return subject;
}

Result<void, InputError> read_nothing(std::string_view text) {
    const auto body = JsonBody::parse(text, {});
    if (!body) return body.error();
    return {};
}

Result<ListRequest, InputError> read_list(const net::Request& request) {
    ListRequest list;
    std::set<std::string_view> seen;
    for (const auto& [name, value] : request.query()) {
        if (!seen.insert(name).second) {
            return invalid("Parameter '" + name.substr(0, 32) + "' appears twice.");
        }
        if (name == "status") {
            if (value == "active") {
                list.filter = StreamFilter::active;
            } else if (value == "ended") {
                list.filter = StreamFilter::ended;
            } else {
                return invalid("Parameter 'status' must be 'active' or 'ended'.");
            }
        } else if (name == "limit") {
            const char* end = value.data() + value.size();
            const auto parsed = std::from_chars(value.data(), end, list.limit);
            if (parsed.ec != std::errc() || parsed.ptr != end || list.limit < 1 ||
                list.limit > 100) {
                return invalid("Parameter 'limit' must be an integer from 1 to 100.");
            }
        } else if (name == "cursor") {
            list.after = StreamPosition::decode(value);
            if (!list.after) return invalid("Parameter 'cursor' is not one of ours.");
        }
        // Other parameters are ignored, as everywhere on the web: caches and proxies add them.
    }
    return list;
}

Result<std::optional<std::string_view>, InputError> read_idempotency_key(
    const net::Request& request) {
    const auto key = request.header("Idempotency-Key");
    if (!key) return std::optional<std::string_view>();
    constexpr std::size_t max_length = 64;
    const bool printable =
        std::all_of(key->begin(), key->end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (key->empty() || key->size() > max_length || !printable ||
        request.header_count("Idempotency-Key") > 1) {
        return invalid("Idempotency-Key must be 1 to 64 printable ASCII characters, once.");
    }
    return std::optional<std::string_view>(*key);
}

}  // namespace subcults::api
