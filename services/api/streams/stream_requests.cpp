#include "streams/stream_requests.hpp"

#include "base/utf8.hpp"

#include <rapidjson/document.h>

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

InputError appears_twice(const std::string& name) {
    return invalid("Parameter '" + std::string(clipped_utf8(name, 32)) + "' appears twice.");
}

// False when it is no integer from `min` to `max`.
bool read_integer(const std::string& text, int min, int max, int& into) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, into);
    return parsed.ec == std::errc() && parsed.ptr == end && into >= min && into <= max;
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

Result<bool, InputError> read_flag(std::string_view text, std::string_view field) {
    // The strict reader has the say about everything but the value.
    const auto body = JsonBody::parse(text, {field});
    if (!body) return body.error();
    const std::string name(field);
    if (!body->has(field)) return invalid("Field '" + name + "' is required.");
    rapidjson::Document document;
    document.Parse(text.data(), text.size());
    const bool is_flag =
        document.IsObject() && document.HasMember(name.c_str()) && document[name.c_str()].IsBool();
    if (!is_flag) return invalid("Field '" + name + "' must be true or false.");
    return document[name.c_str()].GetBool();
}

bool is_participant_id(std::string_view text) noexcept {
    constexpr std::string_view prefix = "user-";
    constexpr std::size_t digits = 26;
    return text.size() == prefix.size() + digits && text.starts_with(prefix) &&
           std::all_of(text.begin() + prefix.size(), text.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'); });
}

Result<ParticipantsRequest, InputError> read_participants(const net::Request& request) {
    ParticipantsRequest asked;
    std::set<std::string_view> seen;
    for (const auto& [name, value] : request.query()) {
        if (!seen.insert(name).second) return appears_twice(name);
        if (name == "status") {
            if (value == "present") {
                asked.filter = ParticipantFilter::present;
            } else if (value == "left") {
                asked.filter = ParticipantFilter::left;
            } else {
                return invalid("Parameter 'status' must be 'present' or 'left'.");
            }
        } else if (name == "limit") {
            if (!read_integer(value, 1, 1000, asked.limit)) {
                return invalid("Parameter 'limit' must be an integer from 1 to 1000.");
            }
        } else if (name == "cursor") {
            if (!is_participant_id(value)) return invalid("Parameter 'cursor' is not one of ours.");
            asked.after = value;
        }
    }
    return asked;
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
            return appears_twice(name);
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
            if (!read_integer(value, 1, 100, list.limit)) {
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
