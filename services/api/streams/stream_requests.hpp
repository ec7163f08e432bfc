// What clients send to the streaming endpoints, read and checked.
#pragma once

#include "http/json_body.hpp"
#include "net/http_message.hpp"
#include "streams/command.hpp"
#include "streams/participant_queries.hpp"
#include "streams/stream_queries.hpp"

namespace subcults::api {

struct JoinRequest {
    std::optional<UnixMicros> token_issued_at;
};
Result<JoinRequest, InputError> read_join(std::string_view body);

// Exactly one of scene_id and event_id.
Result<Subject, InputError> read_create(std::string_view body);

// {"<field>":true|false}, nothing else.
Result<bool, InputError> read_flag(std::string_view body, std::string_view field);

// "user-" and 26 base32 characters: what participant ids of ours look like.
bool is_participant_id(std::string_view text) noexcept;

struct ParticipantsRequest {
    ParticipantFilter filter = ParticipantFilter::all;
    int limit = 100;
    std::string after;  // a participant id; empty = from the start
};
Result<ParticipantsRequest, InputError> read_participants(const net::Request& request);

// For endpoints that take no body: an empty one, or an empty object.
Result<void, InputError> read_nothing(std::string_view body);

struct ListRequest {
    StreamFilter filter = StreamFilter::all;
    int limit = 50;
    std::optional<StreamPosition> after;
};
Result<ListRequest, InputError> read_list(const net::Request& request);

// 1 to 64 printable ASCII characters; absent = nullopt.
Result<std::optional<std::string_view>, InputError> read_idempotency_key(
    const net::Request& request);

}  // namespace subcults::api
